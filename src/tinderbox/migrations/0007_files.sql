-- Files that clients sent; their contents lie in the folder `files` by their ids. `owner` is a key's id, or empty for the
-- person at this machine. Times are seconds since 1970; without an end a file stays until it is deleted.
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    expires REAL
) STRICT, WITHOUT ROWID;

CREATE INDEX files_by_owner ON files (owner, created);
