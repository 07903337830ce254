-- How far each relay of a source database is, in words of its own.
CREATE TABLE relay_position (
  relay text PRIMARY KEY,
  position text NOT NULL,
  updated_at timestamptz NOT NULL
);
