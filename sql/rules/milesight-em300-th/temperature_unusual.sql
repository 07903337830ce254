/*
title: Temperature unusual for the hour
severity: minor
type: anomaly
limits:
  temperature_score_max: {default: 0.9, unit: "1"}
repeated: 3
clear_after: 1 h
owner: facility
*/
-- Each sensor has a model of its own: what is usual at each hour of the day. 0.9 are 9 sigma.
SELECT device_id, event_time, customer_id, site_id,
       temperature AS `value`, expected, score, explanation
FROM TABLE(seasonal_z(data => TABLE milesight_em300_th_telemetry, reading => DESCRIPTOR(temperature),
                      season => INTERVAL '1' DAY, warm_up => 72))
WHERE score > limits['temperature_score_max']
