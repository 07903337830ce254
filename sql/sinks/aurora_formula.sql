-- Aurora: unified master data. The newest version of a key wins here and, across restarts, by the table's trigger.
CREATE TEMPORARY TABLE aurora_formula (
  `formula_id` STRING,
  `name` STRING,
  `scope` STRING,
  `scope_id` STRING,
  `product` STRING,
  `expression` STRING,
  `unit` STRING,
  `valid_from` TIMESTAMP(3),
  `valid_to` TIMESTAMP(3),
  version BIGINT,
  deleted BOOLEAN,
  PRIMARY KEY (formula_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = '${aurora.write.url}',
  'table-name' = 'formula',
  'username' = '${aurora.user}',
  'password' = '${aurora.password}',
  'sink.buffer-flush.interval' = '1s'
);

INSERT INTO aurora_formula
SELECT
  columns['formula_id'],
  columns['name'],
  columns['scope'],
  columns['scope_id'],
  columns['product'],
  columns['expression'],
  columns['unit'],
  TO_TIMESTAMP(columns['valid_from']),
  TO_TIMESTAMP(columns['valid_to']),
  version,
  deleted
FROM newest_master_changes
WHERE master = 'formula';
