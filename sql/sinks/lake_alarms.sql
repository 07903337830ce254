-- Cold: every state of every alarm.
CREATE TABLE IF NOT EXISTS lake.`${lake.database}`.alarms (
  alarm_id STRING,
  rule STRING,
  title STRING,
  severity STRING,
  state STRING,
  product STRING,
  device_id STRING,
  customer_id STRING,
  site_id STRING,
  first_event_time TIMESTAMP_LTZ(6),
  last_event_time TIMESTAMP_LTZ(6),
  num_detections BIGINT,
  `value` DOUBLE,
  limit_value DOUBLE,
  evidence STRING,
  changed_at TIMESTAMP_LTZ(6),
  reason STRING,
  muted_by STRING
) PARTITIONED BY (product) WITH (
  'format-version' = '2',
  'write.format.default' = 'parquet',
  'write.parquet.compression-codec' = 'zstd',
  'write.distribution-mode' = 'none'
);

INSERT INTO lake.`${lake.database}`.alarms
SELECT alarm_id, rule, title, severity, state, product, device_id, customer_id, site_id,
       first_event_time, last_event_time, num_detections, `value`, limit_value, evidence,
       changed_at, reason, muted_by
FROM alarms;
