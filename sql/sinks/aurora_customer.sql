-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_customer (
  customer_id STRING,
  name STRING,
  country STRING,
  phone STRING,
  vat_id STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (customer_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'customer',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_customer
SELECT
  columns['customer_id'],
  columns['name'],
  columns['country'],
  columns['phone'],
  columns['vat_id'],
  version,
  deleted
FROM master_changes
WHERE master = 'customer';
