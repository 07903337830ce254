-- Aurora: unified master data, in the order in which the job unifies it; across restarts the table's trigger keeps the newest version.
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
FROM master_changes
WHERE master = 'formula';
