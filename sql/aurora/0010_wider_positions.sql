-- DynamoDB's sequence numbers have up to 40 digits, and 64 bits of them do not order what happened in a second: `position`
-- is now 13 digits of the commit time in epoch ms and 40 of the sequence; it was time * 2^64 + sequence in 40 digits.
ALTER TABLE master_source_row DISABLE TRIGGER keep_newest;
UPDATE master_source_row SET position =
  lpad(div(position::numeric, 18446744073709551616)::text, 13, '0')
  || lpad(mod(position::numeric, 18446744073709551616)::text, 40, '0');
ALTER TABLE master_source_row ENABLE TRIGGER keep_newest;
