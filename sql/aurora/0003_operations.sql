-- What operators state: hours, maintenance windows, silences and marks of alarms; times are UTC.
CREATE TABLE schedule (
  schedule_id text PRIMARY KEY,
  scope text,
  scope_id text,
  schedule_name text,
  days text,
  opens text,
  closes text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE maintenance_window (
  window_id text PRIMARY KEY,
  scope text,
  scope_id text,
  starts_at timestamp,
  ends_at timestamp,
  title text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE silence (
  silence_id text PRIMARY KEY,
  scope text,
  scope_id text,
  rule text,
  starts_at timestamp,
  ends_at timestamp,
  reason text,
  created_by text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TABLE alarm_mark (
  alarm_id text PRIMARY KEY,
  rule text,
  device_id text,
  mark text,
  marked_by text,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TRIGGER keep_newest BEFORE UPDATE ON schedule
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON maintenance_window
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON silence
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();
CREATE TRIGGER keep_newest BEFORE UPDATE ON alarm_mark
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();

-- Of an alarm: when and why it came to its state, and which silence held then.
ALTER TABLE alarm ADD COLUMN changed_at timestamp, ADD COLUMN reason text, ADD COLUMN muted_by text;

-- What operators are told: one row for the alarms of a rule that a site raised together, or for one that was suppressed.
CREATE TABLE notification (
  notification_id text PRIMARY KEY,
  state text NOT NULL,
  notified_at timestamp NOT NULL,
  rule text NOT NULL,
  title text NOT NULL,
  severity text NOT NULL,
  product text NOT NULL,
  site_id text,
  customer_id text,
  num_alarms bigint NOT NULL,
  alarm_ids text NOT NULL,
  reason text NOT NULL,
  response text NOT NULL,
  runbook text NOT NULL
);

CREATE INDEX notification_by_site ON notification (site_id, notified_at);

-- The rules with which the job started last, so that it can say what changed.
CREATE TABLE rule_version (
  rule text PRIMARY KEY,
  digest text NOT NULL
);
