/*
title: Moved with its power cut
severity: critical
type: correlation
limits:
  tow_speed_min: {default: 10, unit: km/h}
clear_after: 60 s
owner: fleet security
*/
-- Event 23: external power cut, 22: restored. A vehicle that moves in between is towed or stolen.
SELECT device_id, event_time, customer_id, site_id, `value`, limit_value, cut_at
FROM meitrack_aaa_telemetry
MATCH_RECOGNIZE (
  PARTITION BY device_id
  ORDER BY event_time
  MEASURES
    CUT.event_time AS cut_at,
    MOVING.event_time AS event_time,
    MOVING.customer_id AS customer_id,
    MOVING.site_id AS site_id,
    MOVING.speed_kmh AS `value`,
    MOVING.limits['tow_speed_min'] AS limit_value
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (CUT STILL{0,60} MOVING) WITHIN INTERVAL '5' MINUTE
  DEFINE
    CUT AS CUT.event = 23,
    STILL AS STILL.event <> 22 AND STILL.speed_kmh <= STILL.limits['tow_speed_min'],
    MOVING AS MOVING.event <> 22 AND MOVING.speed_kmh > MOVING.limits['tow_speed_min']
)
