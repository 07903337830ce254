-- Changes of the master databases: one CDC record in a Kinesis record.
CREATE TEMPORARY TABLE master_cdc (
  `data` BYTES,
  arrived_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  shard_id STRING METADATA FROM 'shard-id' VIRTUAL,
  sequence_number STRING METADATA FROM 'sequence-number' VIRTUAL
) WITH (
  'connector' = 'kinesis',
  'stream' = '${kinesis.stream.masters}',
  'aws.region' = '${aws.region}',
  'aws.endpoint' = '${aws.kinesis.endpoint}',
  'scan.stream.initpos' = '${kinesis.initial.position}',
  'format' = 'raw'
);
