-- What the memory's ledger decided, and why.
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    what TEXT NOT NULL,
    holder TEXT NOT NULL,
    size INTEGER,
    reason TEXT NOT NULL
) STRICT;

CREATE INDEX decisions_by_holder ON decisions (holder, number);
