-- The telemetry of each product as the table was a day ago.
SELECT product,
       COUNT(*) AS messages
FROM telemetry FOR TIMESTAMP AS OF (CURRENT_TIMESTAMP - INTERVAL '1' DAY)
GROUP BY product
ORDER BY product
