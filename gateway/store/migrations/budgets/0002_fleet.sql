-- By what the ledger of a fleet knows whose budgets these are; see `admission::budget::lease`.
CREATE TABLE fleet (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    instance TEXT NOT NULL
) STRICT;
