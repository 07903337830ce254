CREATE TEMPORARY SYSTEM FUNCTION QUANTILE_SKETCH AS 'io.sluice.QuantileSketch' LANGUAGE JAVA;
CREATE TEMPORARY SYSTEM FUNCTION SKETCH_QUANTILE AS 'io.sluice.SketchQuantile' LANGUAGE JAVA;

-- Every value of the messages that Hot may hold, as what is aggregated of it. A message that comes later than
-- `ttl.days` changes no aggregate here, for Flink has forgotten its hour by then: `sluice aggregate rebuild` reads the lake.
-- Sums are decimal: the same in whatever order values come, go and come again. `mark` makes the last value the greatest
-- text: time, then message, then the value.
CREATE TEMPORARY VIEW measured AS
SELECT
  m.product, m.device_id, COALESCE(m.customer_id, '') AS customer_id, v.measurement, v.`value`,
  FLOOR(m.event_time TO HOUR) AS `hour`,
  TRY_CAST(v.`value` AS DECIMAL(38, 9)) AS exact_value,
  CAST(m.event_time AS STRING) || '|' || m.message_id || '|' || CAST(v.`value` AS STRING) AS mark
FROM messages AS m CROSS JOIN UNNEST(m.measurements) AS v (measurement, `value`)
WHERE m.event_time > m.received_at - INTERVAL '${documentdb.ttl.days}' DAY(3);
