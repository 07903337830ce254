-- Aurora: unified master data. The newest version of a key wins here and, across restarts, by the table's trigger.
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
FROM newest_master_changes
WHERE master = 'device';
