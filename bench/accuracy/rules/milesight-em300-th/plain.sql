/*
title: Too warm, plain threshold
severity: major
type: threshold
limits:
  temperature_max: {default: 30, unit: Cel}
clear_after: 1 h
*/
SELECT device_id, event_time, customer_id, site_id,
       temperature AS `value`, limits['temperature_max'] AS limit_value
FROM milesight_em300_th_telemetry
WHERE temperature > limits['temperature_max']
