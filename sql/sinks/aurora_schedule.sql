-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_schedule (
  `schedule_id` STRING,
  `scope` STRING,
  `scope_id` STRING,
  `schedule_name` STRING,
  `days` STRING,
  `opens` STRING,
  `closes` STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (schedule_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'schedule',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_schedule
SELECT
  columns['schedule_id'],
  columns['scope'],
  columns['scope_id'],
  columns['schedule_name'],
  columns['days'],
  columns['opens'],
  columns['closes'],
  version,
  deleted
FROM master_changes
WHERE master = 'schedule';
