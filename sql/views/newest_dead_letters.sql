-- The attempts at each dead letter, but for those older than one seen before: a later attempt is newer, and a letter
-- that is resolved stays so. Only the newest place is remembered, for `dedupe.hours`, not the letter with its bytes.
CREATE TEMPORARY VIEW newest_dead_letters AS
SELECT *
FROM (
  SELECT *, MAX(place) OVER (
    PARTITION BY dead_letter_id ORDER BY arrival ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS newest
  FROM (
    SELECT *, attempt + CASE state WHEN 'resolved' THEN 1000000000 ELSE 0 END AS place, PROCTIME() AS arrival
    FROM dead_letters
  )
)
WHERE place = newest;
