-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_silence (
  `silence_id` STRING,
  `scope` STRING,
  `scope_id` STRING,
  `rule` STRING,
  `starts_at` TIMESTAMP(3),
  `ends_at` TIMESTAMP(3),
  `reason` STRING,
  `created_by` STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (silence_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'silence',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_silence
SELECT
  columns['silence_id'],
  columns['scope'],
  columns['scope_id'],
  columns['rule'],
  TO_TIMESTAMP(columns['starts_at']),
  TO_TIMESTAMP(columns['ends_at']),
  columns['reason'],
  columns['created_by'],
  version,
  deleted
FROM master_changes
WHERE master = 'silence';
