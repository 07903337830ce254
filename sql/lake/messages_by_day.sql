-- How much each product sent on each day of the last 30: reads only partitions of those days.
SELECT product,
       CAST(event_time AS DATE) AS day,
       COUNT(*) AS messages,
       COUNT(DISTINCT device_id) AS devices
FROM telemetry
WHERE event_time >= CURRENT_TIMESTAMP - INTERVAL '30' DAY
GROUP BY 1, 2
ORDER BY 2 DESC, 1
