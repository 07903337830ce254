-- The devices of one share of the fleet, which enrich.mode=keyed reads together; jobs/shares.py computes the same.
CREATE INDEX device_share ON device (left(md5(device_id), 3));
CREATE INDEX device_history_share ON master_history (left(md5(row_key), 3)) WHERE master = 'device';
