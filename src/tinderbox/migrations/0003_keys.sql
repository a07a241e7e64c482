-- Of a key's secret only the SHA-256 is kept. A revoked key stays listed; its name can be given again.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    digest BLOB NOT NULL,
    scopes TEXT NOT NULL,
    requests_per_minute INTEGER,
    tokens_per_day INTEGER,
    at_once INTEGER,
    created TEXT NOT NULL,
    expires TEXT,
    revoked TEXT
) STRICT, WITHOUT ROWID;

-- Tokens read and written for a key on a day (UTC).
CREATE TABLE key_tokens (
    key TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (key, day)
) STRICT, WITHOUT ROWID;
