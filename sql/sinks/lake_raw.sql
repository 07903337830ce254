-- Cold: every envelope line exactly as it arrived, with the number of messages it decoded to (0: a dead letter).
INSERT INTO lake.`${lake.database}`.`raw` (
  shard_id, sequence_number, line, product, device_id, protocol, received_at, arrived_at, num_messages,
  envelope)
SELECT shard_id, sequence_number, line, product, device_id, protocol,
       TO_TIMESTAMP_LTZ(received_at, 3), TO_TIMESTAMP_LTZ(arrived_at, 3), num_messages, envelope
FROM decoded CROSS JOIN UNNEST(decoded.envelopes) AS e (
  shard_id, sequence_number, line, product, device_id, protocol, received_at, arrived_at, num_messages, envelope,
  num_received, num_usable);
