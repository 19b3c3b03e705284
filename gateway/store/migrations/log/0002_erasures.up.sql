-- Where erasures and holds are on record: `audit::Kind::Erase`, 12, in the leaf's second byte.
CREATE INDEX record_erasure ON record (idx) WHERE substr(leaf, 2, 1) = x'0c';
