-- Aurora: unified master data. The newest version of a key wins here and, across restarts, by the table's trigger.
CREATE TEMPORARY TABLE aurora_customer (
  customer_id STRING,
  name STRING,
  country STRING,
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
  version,
  deleted
FROM newest_master_changes
WHERE master = 'customer';
