-- The sites with the highest mean temperature, out of the column that the domain declares.
SELECT site_id,
       COUNT(*) AS readings,
       ROUND(AVG(temperature), 2) AS mean_temperature,
       MAX(temperature) AS highest
FROM telemetry
WHERE temperature IS NOT NULL AND site_id IS NOT NULL
GROUP BY site_id
ORDER BY mean_temperature DESC
LIMIT 20
