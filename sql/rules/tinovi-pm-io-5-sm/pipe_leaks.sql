/*
title: Pipe leaks
severity: major
type: threshold
clear: leak = 'false'
escalation:
  - {after: 30 min, severity: critical}
schedule: {name: irrigation, days: mon-sun, opens: "04:00", closes: "22:00"}
flapping: {times: 3, within: 2 h}
response: [close_valve]
owner: irrigation
*/
-- At night the pipes are empty; whose site is not known has no night.
SELECT device_id, event_time, customer_id, site_id, line_pressure AS `value`
FROM tinovi_pm_io_5_sm_telemetry
WHERE leak = 'true' AND site_id IS NOT NULL
