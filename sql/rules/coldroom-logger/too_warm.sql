/*
title: Cold room too warm
severity: critical
type: threshold
limits:
  temperature_max: {default: 8, unit: Cel}
clear_after: 20 s
owner: cold chain
*/
SELECT device_id, event_time, customer_id, site_id,
       temperature AS `value`, limits['temperature_max'] AS limit_value
FROM coldroom_logger_telemetry
WHERE temperature > limits['temperature_max']
