-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_site (
  site_id STRING,
  customer_id STRING,
  name STRING,
  time_zone STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (site_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'site',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_site
SELECT
  columns['site_id'],
  columns['customer_id'],
  columns['name'],
  columns['time_zone'],
  version,
  deleted
FROM master_changes
WHERE master = 'site';
