-- Keys of data subjects, wrapped by a key that is not here; see `audit::Subjects`. An erasure removes rows.
CREATE TABLE subject_key (
    -- Random; what it sealed names it.
    handle BLOB PRIMARY KEY CHECK (length(handle) = 16),
    -- Whose: a keyed digest.
    blind BLOB NOT NULL CHECK (length(blind) = 16),
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX subject_key_blind ON subject_key (blind);

-- Who may not be erased.
CREATE TABLE hold (
    blind BLOB PRIMARY KEY CHECK (length(blind) = 16)
) STRICT, WITHOUT ROWID;
