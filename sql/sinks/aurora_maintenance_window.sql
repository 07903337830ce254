-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_maintenance_window (
  `window_id` STRING,
  `scope` STRING,
  `scope_id` STRING,
  `starts_at` TIMESTAMP(3),
  `ends_at` TIMESTAMP(3),
  `title` STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (window_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'maintenance_window',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_maintenance_window
SELECT
  columns['window_id'],
  columns['scope'],
  columns['scope_id'],
  TO_TIMESTAMP(columns['starts_at']),
  TO_TIMESTAMP(columns['ends_at']),
  columns['title'],
  version,
  deleted
FROM master_changes
WHERE master = 'maintenance_window';
