-- How long raw lines waited between their gateway and Kinesis, by product.
SELECT product,
       COUNT(*) AS lines,
       SUM(num_messages) AS messages,
       MAX(DATE_DIFF('millisecond', received_at, arrived_at)) AS longest_ms
FROM "raw"
WHERE arrived_at >= CURRENT_TIMESTAMP - INTERVAL '1' DAY
GROUP BY product
ORDER BY longest_ms DESC
