-- What each data key is for (audit::KeyTerms), bound to it where it is wrapped: the day of what it seals (UTC, from 1970),
-- the class of retention, for how many days after that day it is kept (NULL: for ever), by which law, and the first record
-- that it may have sealed. All NULL: it is older than these, and is never destroyed. Of a destroyed key the row stays,
-- with zeros for the key.
ALTER TABLE data_key ADD COLUMN day INTEGER;
ALTER TABLE data_key ADD COLUMN class TEXT;
ALTER TABLE data_key ADD COLUMN days INTEGER;
ALTER TABLE data_key ADD COLUMN basis TEXT;
ALTER TABLE data_key ADD COLUMN first_idx INTEGER;

-- Where data keys are said to be destroyed, and records are held: `audit::Kind`, 15 and 16, in the leaf's second byte.
CREATE INDEX record_expiry ON record (idx) WHERE substr(leaf, 2, 1) = x'0f';
CREATE INDEX record_hold ON record (idx) WHERE substr(leaf, 2, 1) = x'10';
