-- The tags of a table; Athena reads what one names by `FROM telemetry FOR VERSION AS OF <snapshot_id>`.
SELECT name,
       snapshot_id
FROM "telemetry$refs"
WHERE type = 'TAG'
ORDER BY name
