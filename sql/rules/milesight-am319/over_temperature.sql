/*
title: Room too hot
severity: major
type: threshold
limits:
  temperature_max: {default: 40, unit: Cel}
clear_after: 20 s
owner: comfort
*/
SELECT device_id, event_time, customer_id, site_id,
       temperature AS `value`, limits['temperature_max'] AS limit_value,
       humidity, co2
FROM milesight_am319_telemetry
WHERE temperature > limits['temperature_max']
