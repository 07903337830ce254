-- Aurora: source rows that fail a check; an empty reason: out of quarantine.
CREATE TEMPORARY TABLE aurora_master_quarantine (
  source STRING,
  row_key STRING,
  reason STRING,
  field STRING,
  message STRING,
  version BIGINT,
  PRIMARY KEY (source, row_key) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'master_quarantine',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_master_quarantine
SELECT source, row_key, reason, field, message, version
FROM master_quarantines;
