-- Cold: every state of every alarm.
INSERT INTO lake.`${lake.database}`.alarms (
  alarm_id, rule, title, severity, state, product, device_id, customer_id, site_id, first_event_time,
  last_event_time, num_detections, `value`, limit_value, evidence, changed_at, reason, muted_by)
SELECT alarm_id, rule, title, severity, state, product, device_id, customer_id, site_id,
       first_event_time, last_event_time, num_detections, `value`, limit_value, evidence,
       changed_at, reason, muted_by
FROM alarms;
