-- How long alarms of each rule lasted from their first detection until they were cleared.
SELECT rule,
       COUNT(*) AS cleared,
       AVG(DATE_DIFF('second', first_event_time, changed_at)) AS mean_seconds,
       MAX(DATE_DIFF('second', first_event_time, changed_at)) AS longest_seconds
FROM alarms
WHERE state = 'cleared'
GROUP BY rule
ORDER BY cleared DESC
