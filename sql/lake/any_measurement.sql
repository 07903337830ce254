-- A measurement that no domain declares comes out of the map.
SELECT device_id,
       DATE_TRUNC('hour', event_time) AS hour,
       AVG(measurements['tvoc']) AS mean_tvoc
FROM telemetry
WHERE product = 'milesight-am319'
GROUP BY device_id, DATE_TRUNC('hour', event_time)
ORDER BY hour DESC, device_id
LIMIT 100
