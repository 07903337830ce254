-- Aurora: unified master data. The newest version of a key wins here and, across restarts, by the table's trigger.
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
FROM newest_master_changes
WHERE master = 'limit_override';
