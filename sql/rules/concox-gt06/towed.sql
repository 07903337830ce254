/*
title: Moved without ignition
severity: major
type: correlation
limits:
  tow_speed_min: {default: 8, unit: km/h}
clear_after: 5 min
owner: fleet security
*/
-- Three reports in a row: one alone is the jitter of a position.
SELECT device_id, event_time, customer_id, site_id, `value`, limit_value, since
FROM concox_gt06_telemetry
MATCH_RECOGNIZE (
  PARTITION BY device_id
  ORDER BY event_time
  MEASURES
    FIRST(ROLLING.event_time) AS since,
    LAST(ROLLING.event_time) AS event_time,
    LAST(ROLLING.customer_id) AS customer_id,
    LAST(ROLLING.site_id) AS site_id,
    LAST(ROLLING.speed_kmh) AS `value`,
    LAST(ROLLING.limits['tow_speed_min']) AS limit_value
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (ROLLING{3}) WITHIN INTERVAL '3' MINUTE
  DEFINE
    ROLLING AS ROLLING.ignition = 'false' AND ROLLING.speed_kmh > ROLLING.limits['tow_speed_min']
)
