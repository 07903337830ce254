-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_firmware (
  firmware_id STRING,
  product STRING,
  version_name STRING,
  checksum STRING,
  released_at STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (firmware_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'firmware',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_firmware
SELECT
  columns['firmware_id'],
  columns['product'],
  columns['version_name'],
  columns['checksum'],
  columns['released_at'],
  version,
  deleted
FROM master_changes
WHERE master = 'firmware';
