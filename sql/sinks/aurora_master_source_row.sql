-- Aurora: every source's row in its newest state, from which the job goes on after a start without a snapshot.
CREATE TEMPORARY TABLE aurora_master_source_row (
  source STRING,
  row_key STRING,
  master STRING,
  `position` STRING,
  version BIGINT,
  columns STRING,
  PRIMARY KEY (source, row_key) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'master_source_row',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_master_source_row
SELECT source, row_key, master, `position`, version, columns
FROM master_source_rows;
