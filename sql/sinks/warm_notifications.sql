-- Warm: the history of notifications, one document for each state at its time.
CREATE TEMPORARY TABLE warm_notifications (
  _id STRING,
  notification_id STRING,
  state STRING,
  notified_at TIMESTAMP_LTZ(3),
  rule STRING,
  title STRING,
  severity STRING,
  product STRING,
  site_id STRING,
  customer_id STRING,
  num_alarms BIGINT,
  alarm_ids STRING,
  reason STRING,
  response STRING,
  runbook STRING,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'notifications',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO warm_notifications
SELECT notification_id || '|' || state || '|' || CAST(num_alarms AS STRING) || '|' || severity,
       notification_id, state, notified_at, rule, title, severity, product, site_id, customer_id,
       num_alarms, alarm_ids, reason, response, runbook
FROM notifications;
