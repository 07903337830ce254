-- The alarm service: each alarm as it stands now.
CREATE TABLE alarm (
  alarm_id text PRIMARY KEY,
  rule text NOT NULL,
  title text NOT NULL,
  severity text NOT NULL,
  state text NOT NULL,
  product text NOT NULL,
  device_id text NOT NULL,
  customer_id text,
  site_id text,
  first_event_time timestamp NOT NULL,
  last_event_time timestamp NOT NULL,
  num_detections bigint NOT NULL,
  value double precision,
  limit_value double precision,
  evidence text NOT NULL
);

CREATE INDEX alarm_by_device ON alarm (device_id, first_event_time);
CREATE INDEX alarm_open ON alarm (severity, first_event_time) WHERE state <> 'cleared';
