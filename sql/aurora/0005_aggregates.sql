-- What devices measured in a day (UTC) while they were a customer's, and what comes of it for customer and product.
-- `customer_id` is empty where nobody owns the device; `last_at` is UTC.
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
  PRIMARY KEY (day, device_id, customer_id, product, measurement)
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
