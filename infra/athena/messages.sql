-- All messages of all domains together, as `sluice lake query` has them: run once.
CREATE OR REPLACE VIEW messages AS
SELECT 'telemetry' AS domain, message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM telemetry
UNION ALL
SELECT 'event', message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM event
UNION ALL
SELECT 'device', message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM device
UNION ALL
SELECT 'site', message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM site
UNION ALL
SELECT 'customer', message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM customer
UNION ALL
SELECT 'control', message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM control
UNION ALL
SELECT 'ota', message_id, product, device_id, event_time, received_at, spec_version, measurements, attributes, quality, firmware, customer_id, site_id FROM ota
