DROP INDEX record_hold;
DROP INDEX record_expiry;
ALTER TABLE data_key DROP COLUMN first_idx;
ALTER TABLE data_key DROP COLUMN basis;
ALTER TABLE data_key DROP COLUMN days;
ALTER TABLE data_key DROP COLUMN class;
ALTER TABLE data_key DROP COLUMN day;
