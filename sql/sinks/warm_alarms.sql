-- Warm: the history of alarms, one document for each state and severity an alarm has had.
CREATE TEMPORARY TABLE warm_alarms (
  _id STRING,
  alarm_id STRING,
  rule STRING,
  title STRING,
  severity STRING,
  state STRING,
  product STRING,
  device_id STRING,
  customer_id STRING,
  site_id STRING,
  first_event_time TIMESTAMP_LTZ(3),
  last_event_time TIMESTAMP_LTZ(3),
  num_detections BIGINT,
  `value` DOUBLE,
  limit_value DOUBLE,
  evidence STRING,
  changed_at TIMESTAMP_LTZ(3),
  reason STRING,
  muted_by STRING,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'alarms',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO warm_alarms
SELECT alarm_id || '|' || state || '|' || severity, alarm_id, rule, title, severity, state, product, device_id, customer_id, site_id,
       first_event_time, last_event_time, num_detections, `value`, limit_value, evidence,
       changed_at, reason, muted_by
FROM alarms;
