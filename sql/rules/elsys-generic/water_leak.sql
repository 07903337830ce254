/*
title: Water leak
severity: critical
type: threshold
clear_after: 10 min
owner: facility
*/
SELECT device_id, event_time, customer_id, site_id,
       waterleak AS `value`
FROM elsys_generic_telemetry
WHERE waterleak > 0
