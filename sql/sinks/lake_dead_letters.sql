-- Cold: every attempt at what could not become a message, with its bytes, reason and position.
CREATE TABLE IF NOT EXISTS lake.`${lake.database}`.dead_letters (
  dead_letter_id STRING,
  `stream` STRING,
  state STRING,
  attempt INT,
  product STRING,
  device_id STRING,
  reason STRING,
  message STRING,
  spec_version INT,
  field STRING,
  byte_offset INT,
  bit_offset INT,
  excerpt STRING,
  shard_id STRING,
  sequence_number STRING,
  line INT,
  first_seen TIMESTAMP_LTZ(6),
  attempted_at TIMESTAMP_LTZ(6),
  `raw` BYTES
) PARTITIONED BY (`stream`, reason) WITH (
  'format-version' = '2',
  'write.format.default' = 'parquet',
  'write.parquet.compression-codec' = 'zstd',
  'write.distribution-mode' = 'none'
);

INSERT INTO lake.`${lake.database}`.dead_letters
SELECT dead_letter_id, `stream`, state, attempt, product, device_id, reason, message, spec_version, field,
       byte_offset, bit_offset, excerpt, shard_id, sequence_number, line,
       TO_TIMESTAMP_LTZ(first_seen, 3), TO_TIMESTAMP_LTZ(attempted_at, 3), `raw`
FROM dead_letters;
