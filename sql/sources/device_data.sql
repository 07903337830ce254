-- What gateways put on the stream: one record holds 1..N envelopes, one JSON object a line.
CREATE TEMPORARY TABLE device_data (
  `data` BYTES,
  arrived_at TIMESTAMP_LTZ(3) METADATA FROM 'timestamp' VIRTUAL,
  shard_id STRING METADATA FROM 'shard-id' VIRTUAL,
  sequence_number STRING METADATA FROM 'sequence-number' VIRTUAL
) WITH (
  'connector' = 'kinesis',
  'stream' = '${kinesis.stream.devices}',
  'aws.region' = '${aws.region}',
  'aws.endpoint' = '${aws.kinesis.endpoint}',
  'scan.stream.initpos' = '${kinesis.initial.position}',
  'format' = 'raw'
);
