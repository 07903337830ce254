-- Formulas over the aggregates of a day: master data as in 0001; from `valid_from` until before `valid_to`, in UTC.
CREATE TABLE formula (
  formula_id text PRIMARY KEY,
  name text,
  scope text,
  scope_id text,
  product text,
  expression text,
  unit text,
  valid_from timestamp,
  valid_to timestamp,
  version bigint NOT NULL,
  deleted boolean NOT NULL
);

CREATE TRIGGER keep_newest BEFORE UPDATE ON formula
  FOR EACH ROW WHEN (NEW.version < OLD.version) EXECUTE FUNCTION keep_newest_version();

-- The analysis table: what each formula came to, and of what. `device_id` is empty for a customer's devices together;
-- `reason` says why there is no value; `inputs` is JSON: {"temperature.max": {"value": 25.0, "unit": "Cel"}}.
CREATE TABLE formula_result (
  day date,
  name text,
  customer_id text,
  product text,
  device_id text,
  value double precision,
  unit text NOT NULL,
  reason text,
  formula_id text NOT NULL,
  formula_version bigint NOT NULL,
  expression text NOT NULL,
  inputs text NOT NULL,
  evaluated_at timestamp NOT NULL,
  PRIMARY KEY (day, name, customer_id, product, device_id),
  CHECK ((value IS NULL) <> (reason IS NULL))
);
