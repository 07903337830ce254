-- Cold: every further arrival of a message that was already stored.
CREATE TABLE IF NOT EXISTS lake.`${lake.database}`.duplicates (
  message_id STRING,
  product STRING,
  device_id STRING,
  event_time TIMESTAMP_LTZ(6),
  received_at TIMESTAMP_LTZ(6),
  occurrence BIGINT
) PARTITIONED BY (product) WITH (
  'format-version' = '2',
  'write.format.default' = 'parquet',
  'write.parquet.compression-codec' = 'zstd',
  'write.distribution-mode' = 'none'
);

INSERT INTO lake.`${lake.database}`.duplicates
SELECT message_id, product, device_id, event_time, received_at, occurrence
FROM occurrences
WHERE occurrence > 1;
