-- What was spent; see `admission::budget`. Names of accounts hold agents, sessions and tasks, never data.
CREATE TABLE spent (
    account TEXT NOT NULL,
    meter TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (account, meter)
) STRICT, WITHOUT ROWID;

-- What was seen, by a keyed digest.
CREATE TABLE seen (
    account TEXT NOT NULL,
    meter TEXT NOT NULL,
    item INTEGER NOT NULL,
    PRIMARY KEY (account, meter, item)
) STRICT, WITHOUT ROWID;
