/*
title: Too warm, a second sensor of the site agrees for twenty minutes
severity: major
type: correlation
limits:
  temperature_max: {default: 30, unit: Cel}
for: 20 min
clear_after: 1 h
*/
SELECT own.device_id, own.event_time, own.customer_id, own.site_id,
       own.temperature AS `value`, own.limits['temperature_max'] AS limit_value
FROM milesight_em300_th_telemetry AS own
JOIN milesight_em300_th_telemetry AS other
  ON own.site_id = other.site_id
 AND own.device_id <> other.device_id
 AND other.event_time BETWEEN own.event_time - INTERVAL '15' MINUTE AND own.event_time
WHERE own.temperature > own.limits['temperature_max'] AND other.temperature > other.limits['temperature_max']
