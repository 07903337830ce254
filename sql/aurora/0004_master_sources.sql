-- Master data of several sources: their rows, what is quarantined of them, and every version of what they became.
ALTER TABLE customer ADD COLUMN phone text, ADD COLUMN vat_id text;

CREATE TABLE product (
  product text PRIMARY KEY,
  title text,
  maker text,
  warranty_months double precision,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE firmware (
  firmware_id text PRIMARY KEY,
  product text,
  version_name text,
  checksum text,
  released_at text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE engineer (
  engineer_id text PRIMARY KEY,
  name text,
  phone text,
  country text,
  time_zone text,
  skills text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TRIGGER keep_newest BEFORE UPDATE ON product
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON firmware
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON engineer
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();

-- `position` is the place in the source's log, in 40 digits; `columns` is JSON, null where the source deleted the row.
CREATE TABLE master_source_row (
  source text,
  row_key text,
  master text NOT NULL,
  position text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  columns text,
  PRIMARY KEY (source, row_key)
);

CREATE TRIGGER keep_newest BEFORE UPDATE ON master_source_row
  FOR EACH ROW WHEN (NEW.position < OLD.position) EXECUTE FUNCTION keep_newest_version();

-- Without a reason: it has been in quarantine.
CREATE TABLE master_quarantine (
  source text,
  row_key text,
  reason text NOT NULL,
  field text NOT NULL,
  message text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (source, row_key)
);

CREATE TRIGGER keep_newest BEFORE UPDATE ON master_quarantine
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();

CREATE TABLE master_history (
  master text,
  row_key text,
  version bigint,
  valid_from timestamp NOT NULL,
  deleted boolean NOT NULL,
  columns text NOT NULL,
  PRIMARY KEY (master, row_key, version)
);

-- From when to when each version held. What was the case before the first one is not known: it holds since ever.
CREATE VIEW master_validity AS
SELECT
  master, row_key, version, deleted, columns::jsonb AS columns,
  CASE WHEN row_number() OVER history = 1 THEN '-infinity'::timestamp ELSE valid_from END AS valid_from,
  coalesce(lead(valid_from) OVER history, 'infinity'::timestamp) AS valid_to
FROM master_history
WINDOW history AS (PARTITION BY master, row_key ORDER BY version);
