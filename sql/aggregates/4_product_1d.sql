-- Hot: a day (UTC), from the six hours.
CREATE TEMPORARY VIEW product_1d AS
SELECT
  product, measurement, FLOOR(`start` TO DAY) AS `start`, SUM(num_values) AS num_values, MIN(min_value) AS min_value, MAX(max_value) AS max_value,
  SUM(sum_value) AS sum_value, MAX(last_mark) AS last_mark, QUANTILE_SKETCH(sketch) AS sketch
FROM product_6h
GROUP BY product, measurement, FLOOR(`start` TO DAY);

-- `_id` is product|measurement|start, so every correction overwrites the same document.
CREATE TEMPORARY TABLE aggregates_1d (
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
  'collection' = 'aggregates_1d',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO aggregates_1d
SELECT
  product || '|' || measurement || '|' || DATE_FORMAT(`start`, 'yyyy-MM-dd''T''HH'),
  product, measurement, `start`, num_values, min_value, max_value,
  CAST(sum_value AS DOUBLE), CAST(sum_value AS DOUBLE) / num_values,
  CAST(SPLIT_INDEX(last_mark, '|', 2) AS DOUBLE), SPLIT_INDEX(last_mark, '|', 0),
  SKETCH_QUANTILE(sketch, 0.5e0), SKETCH_QUANTILE(sketch, 0.95e0), SKETCH_QUANTILE(sketch, 0.99e0), sketch
FROM product_1d;
