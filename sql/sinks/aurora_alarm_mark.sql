-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_alarm_mark (
  `alarm_id` STRING,
  `rule` STRING,
  `device_id` STRING,
  `mark` STRING,
  `marked_by` STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (alarm_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'alarm_mark',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_alarm_mark
SELECT
  columns['alarm_id'],
  columns['rule'],
  columns['device_id'],
  columns['mark'],
  columns['marked_by'],
  version,
  deleted
FROM master_changes
WHERE master = 'alarm_mark';
