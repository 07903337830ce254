/*
title: Room too humid, mould grows
severity: minor
type: threshold
limits:
  humidity_max: {default: 70, unit: "%"}
for: 2 h
clear_after: 1 h
owner: facility
*/
SELECT device_id, event_time, customer_id, site_id,
       humidity AS `value`, limits['humidity_max'] AS limit_value,
       temperature
FROM milesight_em300_th_telemetry
WHERE humidity > limits['humidity_max']
