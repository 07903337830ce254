/*
title: Battery will be empty within two weeks
severity: info
type: predictive
limits:
  battery_voltage_min: {default: 2.6, unit: V}
repeated: 3
clear_after: 2 d
response: [order_battery]
owner: field service
*/
SELECT device_id, event_time, customer_id, site_id,
       battery_voltage AS `value`, limits['battery_voltage_min'] AS limit_value, seconds_to_limit, explanation
FROM TABLE(forecast(data => TABLE browan_tbhh100_telemetry, reading => DESCRIPTOR(battery_voltage),
                    horizon => INTERVAL '14' DAY, limit_name => 'battery_voltage_min', warm_up => 14))
WHERE seconds_to_limit IS NOT NULL
