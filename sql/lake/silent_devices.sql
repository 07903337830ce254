-- Devices of the last ten days that were last heard more than a day ago.
SELECT product,
       device_id,
       MAX(event_time) AS last_heard,
       COUNT(*) AS messages
FROM telemetry
WHERE event_time >= CURRENT_TIMESTAMP - INTERVAL '10' DAY
GROUP BY product, device_id
HAVING MAX(event_time) < CURRENT_TIMESTAMP - INTERVAL '1' DAY
ORDER BY last_heard
