-- Every decoded message with how often its id has arrived: 1 is the message, more are duplicates.
-- Processing time, so that a message is known at once; the count of an id is kept for `dedupe.hours`.
CREATE TEMPORARY VIEW counted_messages AS
SELECT
  message_id, domain, product, device_id, event_time, received_at, spec_version,
  measurements, attributes, quality, firmware, customer_id, site_id, limits,
  COUNT(*) OVER (
    PARTITION BY message_id ORDER BY arrival ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS occurrence
FROM (
  SELECT m.*, PROCTIME() AS arrival
  FROM decoded CROSS JOIN UNNEST(decoded.messages) AS m (
    message_id, domain, product, device_id, event_time, received_at, spec_version,
    measurements, attributes, quality, firmware, customer_id, site_id, limits)
);
