-- Hot: how much of what a source sent for a product in a day (UTC, by receipt) is usable: decoded, without a warning of
-- its contract, and enriched. A dead line counts as one message; what its replay brings is usable from then on, and the
-- line is not counted again.
CREATE TEMPORARY TABLE data_quality_1d (
  _id STRING,
  `day` TIMESTAMP_LTZ(3),
  product STRING,
  protocol STRING,
  num_received BIGINT,
  num_decoded BIGINT,
  num_usable BIGINT,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'data_quality_1d',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO data_quality_1d
SELECT
  DATE_FORMAT(`day`, 'yyyy-MM-dd') || '|' || product || '|' || protocol, `day`, product, protocol,
  SUM(num_received), SUM(num_messages), SUM(num_usable)
FROM (
  SELECT
    product, COALESCE(protocol, 'unknown') AS protocol, num_messages, num_received, num_usable,
    FLOOR(TO_TIMESTAMP_LTZ(COALESCE(received_at, arrived_at), 3) TO DAY) AS `day`
  FROM decoded CROSS JOIN UNNEST(decoded.envelopes) AS e (
    shard_id, sequence_number, line, product, device_id, protocol, received_at, arrived_at, num_messages, envelope,
    num_received, num_usable)
  WHERE COALESCE(received_at, arrived_at) > arrived_at - 86400000 * ${documentdb.ttl.days}
)
GROUP BY `day`, product, protocol;
