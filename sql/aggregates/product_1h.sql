-- One hour of a product's measurement over all its devices, by event time; late messages correct their own hour.
-- `_id` is product|measurement|hour, so every correction overwrites the same document.
CREATE TEMPORARY TABLE aggregates_1h (
  _id STRING,
  product STRING,
  measurement STRING,
  `hour` TIMESTAMP_LTZ(3),
  num_values BIGINT,
  min_value DOUBLE,
  max_value DOUBLE,
  sum_value DOUBLE,
  mean_value DOUBLE,
  PRIMARY KEY (_id) NOT ENFORCED
) WITH (
  'connector' = 'mongodb',
  'uri' = '${documentdb.uri}',
  'database' = '${documentdb.database}',
  'collection' = 'aggregates_1h',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO aggregates_1h
SELECT
  product || '|' || measurement || '|' || DATE_FORMAT(`hour`, 'yyyy-MM-dd''T''HH'),
  product, measurement, `hour`,
  COUNT(`value`), MIN(`value`), MAX(`value`), SUM(`value`), AVG(`value`)
FROM (
  SELECT m.product, v.measurement, v.`value`, FLOOR(m.event_time TO HOUR) AS `hour`
  FROM messages AS m CROSS JOIN UNNEST(m.measurements) AS v (measurement, `value`)
)
GROUP BY product, measurement, `hour`;
