/*
title: Site without mains
severity: critical
type: threshold
limits:
  mains_voltage_min: {default: 180, unit: V}
for: 10 s
clear: voltage_l1_v >= limits['mains_voltage_min'] + 10
clear_after: 1 d
owner: facility
*/
-- The meter itself lives on a battery for a while. Rules of other devices name this one in `inhibited_by`.
SELECT device_id, event_time, customer_id, site_id,
       voltage_l1_v AS `value`, limits['mains_voltage_min'] AS limit_value
FROM dsmr_p1_telemetry
WHERE voltage_l1_v < limits['mains_voltage_min']
