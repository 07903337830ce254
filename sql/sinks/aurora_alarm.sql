-- Aurora: the alarm as it stands now, for the alarm service.
CREATE TEMPORARY TABLE aurora_alarm (
  alarm_id STRING,
  rule STRING,
  title STRING,
  severity STRING,
  state STRING,
  product STRING,
  device_id STRING,
  customer_id STRING,
  site_id STRING,
  first_event_time TIMESTAMP(3),
  last_event_time TIMESTAMP(3),
  num_detections BIGINT,
  `value` DOUBLE,
  limit_value DOUBLE,
  evidence STRING,
  changed_at TIMESTAMP(3),
  reason STRING,
  muted_by STRING,
  PRIMARY KEY (alarm_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'alarm',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_alarm
SELECT alarm_id, rule, title, severity, state, product, device_id, customer_id, site_id,
       CAST(first_event_time AS TIMESTAMP(3)), CAST(last_event_time AS TIMESTAMP(3)),
       num_detections, `value`, limit_value, evidence,
       CAST(changed_at AS TIMESTAMP(3)), reason, muted_by
FROM alarms;
