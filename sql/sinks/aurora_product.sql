-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_product (
  product STRING,
  title STRING,
  maker STRING,
  warranty_months DOUBLE,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (product) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'product',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_product
SELECT
  columns['product'],
  columns['title'],
  columns['maker'],
  CAST(columns['warranty_months'] AS DOUBLE),
  version,
  deleted
FROM master_changes
WHERE master = 'product';
