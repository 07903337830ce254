-- Hot: messages of the last days (TTL index on received_at). No customer field.
CREATE TEMPORARY TABLE hot_messages (
  _id STRING,
  product STRING,
  domain STRING,
  device_id STRING,
  event_time TIMESTAMP_LTZ(3),
  received_at TIMESTAMP_LTZ(3),
  spec_version INT,
  measurements MAP<STRING, DOUBLE>,
  attributes MAP<STRING, STRING>,
  quality ARRAY<STRING>,
  firmware STRING,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'messages',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO hot_messages
SELECT message_id, product, domain, device_id, event_time, received_at, spec_version,
       measurements, attributes, quality, firmware
FROM messages;
