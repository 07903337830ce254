-- What gateways have loaded of files. A file is known by its content, its product, and what tells its devices: the
-- setting, or with a template of names the path. `payloads` of it are on the stream, as many as `rows_per_payload` made.
CREATE TABLE gateway_file (
  product text NOT NULL,
  content text NOT NULL,
  devices text NOT NULL,
  location text NOT NULL,
  version text NOT NULL,
  bytes bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('loading', 'loaded', 'quarantined')),
  rows_per_payload int NOT NULL,
  payloads bigint NOT NULL DEFAULT 0,
  rows bigint NOT NULL DEFAULT 0,
  messages bigint NOT NULL DEFAULT 0,
  dead_letters bigint NOT NULL DEFAULT 0,
  refused bigint NOT NULL DEFAULT 0,
  seconds double precision NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  message text NOT NULL DEFAULT '',
  byte_offset bigint,
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product, content, devices)
);
CREATE INDEX gateway_file_by_location ON gateway_file (location);

-- Payloads that the gateway did not take: of no device, of one that is denied, or too large. `number` is the row's.
CREATE TABLE gateway_file_refused (
  product text NOT NULL,
  content text NOT NULL,
  devices text NOT NULL,
  number bigint NOT NULL,
  device text NOT NULL,
  reason text NOT NULL,
  message text NOT NULL,
  payload text NOT NULL,
  PRIMARY KEY (product, content, devices, number),
  FOREIGN KEY (product, content, devices) REFERENCES gateway_file ON DELETE CASCADE
);
