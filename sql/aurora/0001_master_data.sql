-- Unified master data. `version` is the commit position of the change that a row stands for; a deleted row stays as a
-- mark with its version, so that an older change that comes late cannot bring it back.
CREATE TABLE customer (
  customer_id text PRIMARY KEY,
  name text,
  country text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE site (
  site_id text PRIMARY KEY,
  customer_id text,
  name text,
  time_zone text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE device (
  device_id text PRIMARY KEY,
  product text,
  site_id text,
  firmware text,
  installed_at text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE limit_override (
  limit_id text PRIMARY KEY,
  scope text,
  scope_id text,
  limit_name text,
  value double precision,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE FUNCTION keep_newest_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RETURN NULL;
END $$;

CREATE TRIGGER keep_newest BEFORE UPDATE ON customer
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON site
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON device
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON limit_override
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
