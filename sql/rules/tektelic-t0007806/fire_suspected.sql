/*
title: Fire suspected, two sensors of the site agree
severity: critical
type: correlation
limits:
  fire_co2_min: {default: 3000, unit: "[ppm]"}
  fire_temperature_min: {default: 50, unit: Cel}
clear_after: 10 min
response: [call_site, call_fire_brigade]
owner: safety
*/
-- One sensor alone may be broken: a climate sensor of another make must have been hot within ten minutes.
SELECT air.device_id, air.event_time, air.customer_id, air.site_id,
       air.co2 AS `value`, air.limits['fire_co2_min'] AS limit_value,
       climate.device_id AS corroborated_by, climate.temperature
FROM tektelic_t0007806_telemetry AS air
JOIN milesight_em300_th_telemetry AS climate
  ON air.site_id = climate.site_id
 AND climate.event_time BETWEEN air.event_time - INTERVAL '10' MINUTE AND air.event_time
WHERE air.co2 > air.limits['fire_co2_min'] AND climate.temperature > air.limits['fire_temperature_min']
