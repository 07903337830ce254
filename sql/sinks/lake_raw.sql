-- Cold: every envelope line exactly as it arrived, with the number of messages it decoded to (0: a dead letter).
CREATE TABLE IF NOT EXISTS lake.`${lake.database}`.`raw` (
  shard_id STRING,
  sequence_number STRING,
  line INT,
  product STRING,
  device_id STRING,
  protocol STRING,
  received_at TIMESTAMP_LTZ(6),
  arrived_at TIMESTAMP_LTZ(6),
  num_messages INT,
  envelope BYTES
) PARTITIONED BY (product) WITH (
  'format-version' = '2',
  'write.format.default' = 'parquet',
  'write.parquet.compression-codec' = 'zstd',
  'write.distribution-mode' = 'none'
);

INSERT INTO lake.`${lake.database}`.`raw`
SELECT shard_id, sequence_number, line, product, device_id, protocol,
       TO_TIMESTAMP_LTZ(received_at, 3), TO_TIMESTAMP_LTZ(arrived_at, 3), num_messages, envelope
FROM decoded CROSS JOIN UNNEST(decoded.envelopes) AS e (
  shard_id, sequence_number, line, product, device_id, protocol, received_at, arrived_at, num_messages, envelope,
  num_received, num_usable);
