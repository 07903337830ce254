/*
title: Tank will overflow within six hours
severity: major
type: predictive
limits:
  level_max: {default: 95, unit: "%"}
for: 30 min
clear_after: 30 min
owner: water
*/
SELECT device_id, event_time, customer_id, site_id,
       level AS `value`, limits['level_max'] AS limit_value, seconds_to_limit, earliest_seconds, explanation
FROM TABLE(forecast(data => TABLE terabee_lm_xl_telemetry, reading => DESCRIPTOR(level),
                    horizon => INTERVAL '6' HOUR, limit_name => 'level_max'))
WHERE seconds_to_limit IS NOT NULL AND level < limits['level_max']
