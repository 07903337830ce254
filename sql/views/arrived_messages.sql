-- Every decoded message as it arrives, duplicates among them.
CREATE TEMPORARY VIEW arrived_messages AS
SELECT m.*
FROM decoded CROSS JOIN UNNEST(decoded.messages) AS m (
  message_id, domain, product, device_id, event_time, received_at, spec_version,
  measurements, attributes, quality, firmware, customer_id, site_id, limits);
