/*
title: Current of the machine drifts
severity: minor
type: anomaly
limits:
  drift_score_max: {default: 0.6, unit: "1"}
for: 1 h
clear_after: 2 h
owner: maintenance
*/
-- Bearings that wear and filters that clog: no single reading is out of range, their sum is.
SELECT device_id, event_time, customer_id, site_id,
       `current` AS `value`, expected, score, explanation
FROM TABLE(drift(data => TABLE milesight_ct101_telemetry, reading => DESCRIPTOR(`current`), warm_up => 48))
WHERE score > limits['drift_score_max']
