-- Hot: the newest message of each device by event time, of one moment the later in the stream; an older message that comes
-- late changes nothing. What comes later than `ttl.days` is none, for Flink has forgotten by then what was newer.
CREATE TEMPORARY TABLE hot_latest_state (
  _id STRING,
  product STRING,
  domain STRING,
  event_time TIMESTAMP_LTZ(3),
  received_at TIMESTAMP_LTZ(3),
  message_id STRING,
  measurements MAP<STRING, DOUBLE>,
  attributes MAP<STRING, STRING>,
  firmware STRING,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'latest_state',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO hot_latest_state
SELECT device_id, product, domain, event_time, received_at, message_id, measurements, attributes, firmware
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY device_id ORDER BY event_time DESC) AS newest
  FROM messages
  WHERE event_time > received_at - INTERVAL '${documentdb.ttl.days}' DAY(3)
)
WHERE newest = 1;
