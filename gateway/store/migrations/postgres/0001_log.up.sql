-- Logs of many gateways, each with one writer.
CREATE TABLE log (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Its origin, the first line of its checkpoints.
    name text NOT NULL UNIQUE,
    -- Whoever appends says what it was, so that of two writers one is told.
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0)
) WITH (fillfactor = 10);

-- A record never changes and never goes; nothing here updates or deletes. One partition a month, made when its
-- first record comes; `at` is the time in the leaf's clear header.
CREATE TABLE record (
    log integer NOT NULL,
    idx bigint NOT NULL CHECK (idx >= 0),
    at timestamptz NOT NULL,
    leaf bytea NOT NULL,
    -- The tree nodes that this record completes, 32 bytes each, the leaf's own hash first.
    nodes bytea NOT NULL,
    PRIMARY KEY (log, idx, at)
) PARTITION BY RANGE (at);

-- Ciphertext does not shrink.
ALTER TABLE record ALTER COLUMN leaf SET STORAGE EXTERNAL, ALTER COLUMN nodes SET STORAGE PLAIN;

-- From an opening to the record that closes it, and where erasures and holds are: bytes of the leaf's clear header,
-- its kind (the second; 4 a close, 12 an erasure) and the opening's index (from the 23rd on).
CREATE INDEX record_closing ON record (log, (substring(leaf FROM 23 FOR 8))) WHERE substring(leaf FROM 2 FOR 1) = '\x04';
CREATE INDEX record_erasure ON record (log, idx) WHERE substring(leaf FROM 2 FOR 1) = '\x0c';

-- Signed heads, one for every commit.
CREATE TABLE checkpoint (
    log integer NOT NULL,
    size bigint NOT NULL CHECK (size >= 0),
    note text NOT NULL,
    PRIMARY KEY (log, size)
);

-- Data keys, wrapped by a key that is not here.
CREATE TABLE data_key (
    log integer NOT NULL,
    id bigint NOT NULL,
    wrapped bytea NOT NULL,
    PRIMARY KEY (log, id)
);
