-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
CREATE TEMPORARY TABLE aurora_engineer (
  engineer_id STRING,
  name STRING,
  phone STRING,
  country STRING,
  time_zone STRING,
  skills STRING,
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (engineer_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'engineer',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_engineer
SELECT
  columns['engineer_id'],
  columns['name'],
  columns['phone'],
  columns['country'],
  columns['time_zone'],
  columns['skills'],
  version,
  deleted
FROM master_changes
WHERE master = 'engineer';
