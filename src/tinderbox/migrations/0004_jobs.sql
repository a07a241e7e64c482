CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    arguments TEXT NOT NULL,
    state TEXT NOT NULL,
    predicted INTEGER NOT NULL,
    progress REAL,
    message TEXT NOT NULL,
    created TEXT NOT NULL,
    started TEXT,
    ended TEXT,
    kept TEXT NOT NULL,
    result TEXT NOT NULL,
    error TEXT
) STRICT;
