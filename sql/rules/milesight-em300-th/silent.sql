/*
title: Climate sensor silent
severity: minor
type: threshold
absent_after: 1 h
close_after: 30 d
escalation:
  - {after: 4 h, severity: major}
inhibited_by: [dsmr-p1/site_without_mains]
response: [check_gateway, dispatch_engineer]
owner: facility
*/
-- Every reading is a sign of life; the gateway of the site goes down with the mains.
SELECT device_id, event_time, customer_id, site_id
FROM milesight_em300_th_telemetry
