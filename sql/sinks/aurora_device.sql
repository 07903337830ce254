-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_device (
  device_id STRING,
  product STRING,
  site_id STRING,
  firmware STRING,
  installed_at STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (device_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'device',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_device
SELECT
  columns['device_id'],
  columns['product'],
  columns['site_id'],
  columns['firmware'],
  columns['installed_at'],
  version,
  deleted
FROM master_changes
WHERE master = 'device';
