-- Aurora: what operators have been told, each notification as it stands now.
CREATE TEMPORARY TABLE aurora_notification (
  notification_id STRING,
  state STRING,
  notified_at TIMESTAMP(3),
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
  PRIMARY KEY (notification_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'notification',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_notification
SELECT notification_id, state, CAST(notified_at AS TIMESTAMP(3)), rule, title, severity, product, site_id, customer_id,
       num_alarms, alarm_ids, reason, response, runbook
FROM notifications;
