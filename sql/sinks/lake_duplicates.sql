-- Cold: every further arrival of a message that was already stored.
INSERT INTO lake.`${lake.database}`.duplicates (
  message_id, product, device_id, event_time, received_at, occurrence)
SELECT message_id, product, device_id, event_time, received_at, occurrence
FROM occurrences
WHERE occurrence > 1;
