-- Cold: every message once, as it was enriched.
CREATE TABLE IF NOT EXISTS lake.`${lake.database}`.messages (
  message_id STRING,
  domain STRING,
  product STRING,
  device_id STRING,
  event_time TIMESTAMP_LTZ(6),
  received_at TIMESTAMP_LTZ(6),
  spec_version INT,
  measurements MAP<STRING, DOUBLE>,
  attributes MAP<STRING, STRING>,
  quality ARRAY<STRING>,
  firmware STRING,
  customer_id STRING,
  site_id STRING
) PARTITIONED BY (product) WITH (
  'format-version' = '2',
  'write.format.default' = 'parquet',
  'write.parquet.compression-codec' = 'zstd',
  'write.distribution-mode' = 'none'
);

INSERT INTO lake.`${lake.database}`.messages
SELECT message_id, domain, product, device_id, event_time, received_at, spec_version,
       measurements, attributes, quality, firmware, customer_id, site_id
FROM messages;
