-- Hot: one hour of a product's measurement over all its devices, by event time; late messages correct their own hour.
CREATE TEMPORARY VIEW product_1h AS
SELECT
  product, measurement, `hour` AS `start`, COUNT(*) AS num_values, MIN(`value`) AS min_value, MAX(`value`) AS max_value,
  SUM(exact_value) AS sum_value, MAX(mark) AS last_mark, QUANTILE_SKETCH(`value`) AS sketch
FROM measured
GROUP BY product, measurement, `hour`;

-- `_id` is product|measurement|start, so every correction overwrites the same document.
CREATE TEMPORARY TABLE aggregates_1h (
  _id STRING,
  product STRING,
  measurement STRING,
  `start` TIMESTAMP_LTZ(3),
  num_values BIGINT,
  min_value DOUBLE,
  max_value DOUBLE,
  sum_value DOUBLE,
  mean_value DOUBLE,
  `last_value` DOUBLE,
  last_at STRING,
  p50 DOUBLE,
  p95 DOUBLE,
  p99 DOUBLE,
  sketch MAP<STRING, BIGINT>,
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
  product || '|' || measurement || '|' || DATE_FORMAT(`start`, 'yyyy-MM-dd''T''HH'),
  product, measurement, `start`, num_values, min_value, max_value,
  CAST(sum_value AS DOUBLE), CAST(sum_value AS DOUBLE) / num_values,
  CAST(SPLIT_INDEX(last_mark, '|', 2) AS DOUBLE), SPLIT_INDEX(last_mark, '|', 0),
  SKETCH_QUANTILE(sketch, 0.5e0), SKETCH_QUANTILE(sketch, 0.95e0), SKETCH_QUANTILE(sketch, 0.99e0), sketch
FROM product_1h;
