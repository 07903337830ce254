-- The newest change of each master row by the source's commit position: an older one that comes late is left out.
CREATE TEMPORARY VIEW newest_master_changes AS
SELECT master, columns, version, deleted
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY master, row_key ORDER BY version DESC) AS newest
  FROM master_changes
)
WHERE newest = 1;
