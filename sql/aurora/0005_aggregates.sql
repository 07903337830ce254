-- What a day of messages comes to, by event time in UTC: of each device, and of each customer's devices of a product.
-- `customer_id` is empty where nobody owns the device. Late messages correct their own day.
CREATE TABLE device_1d (
  day date,
  device_id text,
  customer_id text,
  product text,
  measurement text,
  num_values bigint NOT NULL,
  min_value double precision,
  max_value double precision,
  sum_value double precision,
  mean_value double precision,
  last_value double precision,
  last_at timestamp,
  PRIMARY KEY (day, device_id, customer_id, measurement)
);

CREATE TABLE customer_product_1d (
  day date,
  customer_id text,
  product text,
  measurement text,
  num_devices bigint NOT NULL,
  num_values bigint NOT NULL,
  min_value double precision,
  max_value double precision,
  sum_value double precision,
  mean_value double precision,
  last_value double precision,
  last_at timestamp,
  PRIMARY KEY (day, customer_id, product, measurement)
);
