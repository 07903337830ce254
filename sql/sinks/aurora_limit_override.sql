-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_limit_override (
  limit_id STRING,
  `scope` STRING,
  scope_id STRING,
  `limit_name` STRING,
  `value` DOUBLE,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (limit_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'limit_override',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_limit_override
SELECT
  columns['limit_id'],
  columns['scope'],
  columns['scope_id'],
  columns['limit_name'],
  CAST(columns['value'] AS DOUBLE),
  version,
  deleted
FROM master_changes
WHERE master = 'limit_override';
