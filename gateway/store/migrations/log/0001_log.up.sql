-- A record never changes and never goes; nothing here updates or deletes.
CREATE TABLE record (
    idx INTEGER PRIMARY KEY CHECK (idx >= 0),
    leaf BLOB NOT NULL,
    -- The tree nodes that this record completes, 32 bytes each, the leaf's own hash first.
    nodes BLOB NOT NULL
) STRICT;

-- From an opening to the record that closes it. Bytes of the leaf's clear header (audit::seal):
-- the second is the kind, 4 a close; from the 23rd on stands the opening's index. Taken from the
-- leaf itself, the index cannot say anything else than the record.
CREATE INDEX record_closing ON record (substr(leaf, 23, 8)) WHERE substr(leaf, 2, 1) = x'04';

-- Signed heads, one for every commit.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY CHECK (size >= 0),
    note TEXT NOT NULL
) STRICT;

-- Data keys, wrapped by a key that is not here.
CREATE TABLE data_key (
    id INTEGER PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT;
