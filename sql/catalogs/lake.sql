-- Iceberg tables in the Glue catalog, files on S3: the same catalog type locally and on AWS.
CREATE CATALOG lake WITH (
  'type' = 'iceberg',
  'catalog-impl' = 'org.apache.iceberg.aws.glue.GlueCatalog',
  'io-impl' = 'org.apache.iceberg.aws.s3.S3FileIO',
  'warehouse' = '${lake.warehouse}',
  'client.region' = '${aws.region}',
  'glue.endpoint' = '${aws.glue.endpoint}',
  's3.endpoint' = '${aws.s3.endpoint}',
  's3.path-style-access' = '${aws.s3.path.style}'
);

CREATE DATABASE IF NOT EXISTS lake.`${lake.database}`;
