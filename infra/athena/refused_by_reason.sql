-- What was refused and why, and whether a replay has resolved it since.
SELECT product,
       reason,
       COUNT(DISTINCT dead_letter_id) AS letters,
       COUNT(DISTINCT CASE WHEN state = 'resolved' THEN dead_letter_id END) AS resolved,
       MAX(attempted_at) AS newest
FROM dead_letters
GROUP BY product, reason
ORDER BY letters DESC
