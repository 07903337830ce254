-- Aurora: what a device measured in a day (UTC) while it was a customer's. The messages carry the customer of their own
-- time, so a device that changes hands at noon has two rows.
CREATE TEMPORARY VIEW device_days AS
SELECT
  device_id, customer_id, product, measurement, FLOOR(`hour` TO DAY) AS `day`,
  COUNT(*) AS num_values, MIN(`value`) AS min_value, MAX(`value`) AS max_value,
  SUM(exact_value) AS sum_value, MAX(mark) AS last_mark
FROM measured
GROUP BY device_id, customer_id, product, measurement, FLOOR(`hour` TO DAY);

CREATE TEMPORARY TABLE aurora_device_1d (
  `day` DATE,
  device_id STRING,
  customer_id STRING,
  product STRING,
  measurement STRING,
  num_values BIGINT,
  min_value DOUBLE,
  max_value DOUBLE,
  sum_value DOUBLE,
  mean_value DOUBLE,
  `last_value` DOUBLE,
  last_at TIMESTAMP(3),
  PRIMARY KEY (`day`, device_id, customer_id, product, measurement) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'device_1d',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO aurora_device_1d
SELECT
  CAST(`day` AS DATE), device_id, customer_id, product, measurement, num_values, min_value, max_value,
  CAST(sum_value AS DOUBLE), CAST(sum_value AS DOUBLE) / num_values,
  CAST(SPLIT_INDEX(last_mark, '|', 2) AS DOUBLE), CAST(SPLIT_INDEX(last_mark, '|', 0) AS TIMESTAMP(3))
FROM device_days;

-- Aurora: a day of a customer's devices of a product, from those of the devices.
CREATE TEMPORARY TABLE aurora_customer_product_1d (
  `day` DATE,
  customer_id STRING,
  product STRING,
  measurement STRING,
  num_devices BIGINT,
  num_values BIGINT,
  min_value DOUBLE,
  max_value DOUBLE,
  sum_value DOUBLE,
  mean_value DOUBLE,
  `last_value` DOUBLE,
  last_at TIMESTAMP(3),
  PRIMARY KEY (`day`, customer_id, product, measurement) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'customer_product_1d',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s',
  'sink.buffer-flush.max-rows' = '1000'
);

INSERT INTO aurora_customer_product_1d
SELECT
  CAST(`day` AS DATE), customer_id, product, measurement, num_devices, num_values, min_value, max_value,
  CAST(sum_value AS DOUBLE), CAST(sum_value AS DOUBLE) / num_values,
  CAST(SPLIT_INDEX(last_mark, '|', 2) AS DOUBLE), CAST(SPLIT_INDEX(last_mark, '|', 0) AS TIMESTAMP(3))
FROM (
  SELECT
    `day`, customer_id, product, measurement, COUNT(*) AS num_devices, SUM(num_values) AS num_values,
    MIN(min_value) AS min_value, MAX(max_value) AS max_value, SUM(sum_value) AS sum_value, MAX(last_mark) AS last_mark
  FROM device_days
  GROUP BY `day`, customer_id, product, measurement
);
