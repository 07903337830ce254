-- Aurora: every version that a unified row has had.
CREATE TEMPORARY TABLE aurora_master_history (
  master STRING,
  row_key STRING,
  version BIGINT,
  valid_from TIMESTAMP(3),
  deleted BOOLEAN,
  columns STRING,
  PRIMARY KEY (master, row_key, version) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'master_history',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_master_history
SELECT master, row_key, version, CAST(TO_TIMESTAMP_LTZ(valid_from, 3) AS TIMESTAMP(3)), deleted, columns
FROM master_versions;
