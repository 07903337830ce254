-- Cold: every attempt at what could not become a message, with its bytes, reason and position.
INSERT INTO lake.`${lake.database}`.dead_letters (
  dead_letter_id, `stream`, state, attempt, product, device_id, reason, message, spec_version, field,
  byte_offset, bit_offset, excerpt, shard_id, sequence_number, line, first_seen, attempted_at, `raw`)
SELECT dead_letter_id, `stream`, state, attempt, product, device_id, reason, message, spec_version, field,
       byte_offset, bit_offset, excerpt, shard_id, sequence_number, line,
       TO_TIMESTAMP_LTZ(first_seen, 3), TO_TIMESTAMP_LTZ(attempted_at, 3), `raw`
FROM dead_letters;
