/*
title: Dust unlike anything before
severity: minor
type: anomaly
limits:
  dust_score_max: {default: 0.5, unit: "1"}
clear_after: 2 h
owner: air quality
*/
SELECT device_id, event_time, customer_id, site_id,
       pm2_5 AS `value`, score, explanation
FROM TABLE(novelty(data => TABLE uradmonitor_a3_telemetry, reading => DESCRIPTOR(pm2_5), warm_up => 96))
WHERE score > limits['dust_score_max']
