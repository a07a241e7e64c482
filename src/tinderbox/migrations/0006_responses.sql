-- Answers of the responses API: what was asked in that turn and what was answered, as JSON. `owner` is a key's id, or
-- empty for the person at this machine.
CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    previous TEXT,
    created REAL NOT NULL,
    size INTEGER NOT NULL,
    input TEXT NOT NULL,
    response TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX responses_by_age ON responses (created);
