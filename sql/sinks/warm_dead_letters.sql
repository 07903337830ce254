-- Warm: each dead letter as its newest attempt left it, to be searched and replayed; the lake has all attempts.
CREATE TEMPORARY TABLE warm_dead_letters (
  _id STRING,
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
  first_seen TIMESTAMP_LTZ(3),
  attempted_at TIMESTAMP_LTZ(3),
  `raw` BYTES,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'dead_letters',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO warm_dead_letters
SELECT dead_letter_id, `stream`, state, attempt, product, device_id, reason, message, spec_version, field,
       byte_offset, bit_offset, excerpt, shard_id, sequence_number, line,
       TO_TIMESTAMP_LTZ(first_seen, 3), TO_TIMESTAMP_LTZ(attempted_at, 3), `raw`
FROM newest_dead_letters;
