/*
title: Storm
severity: major
type: threshold
limits:
  wind_speed_max: {default: 17, unit: m/s}
  storm_wind_speed: {default: 25, unit: m/s}
repeated: 2
clear: wind_speed < limits['wind_speed_max'] - 3
clear_after: 1 h
response: [lower_crane]
owner: construction
*/
-- Gale from 17 m/s (Beaufort 8), storm from 25 (Beaufort 10); it is over three below.
SELECT device_id, event_time, customer_id, site_id,
       wind_speed AS `value`, limits['wind_speed_max'] AS limit_value,
       CASE WHEN wind_speed > limits['storm_wind_speed'] THEN 'critical' ELSE 'major' END AS severity
FROM milesight_wts506_telemetry
WHERE wind_speed > limits['wind_speed_max']
