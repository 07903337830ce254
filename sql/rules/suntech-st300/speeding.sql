/*
title: Speeding
severity: minor
type: threshold
limits:
  speed_max: {default: 100, unit: km/h}
for: 30 s
clear_after: 60 s
owner: fleet
*/
-- `for`: overtaking is no offence.
SELECT device_id, event_time, customer_id, site_id,
       speed_kmh AS `value`, limits['speed_max'] AS limit_value,
       latitude, longitude
FROM suntech_st300_telemetry
WHERE gps_valid = 'true' AND speed_kmh > limits['speed_max']
