DROP INDEX record_hold;
DROP INDEX record_expiry;
ALTER TABLE data_key DROP COLUMN first_idx, DROP COLUMN basis, DROP COLUMN days, DROP COLUMN class, DROP COLUMN day;
