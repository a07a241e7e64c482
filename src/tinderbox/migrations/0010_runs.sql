CREATE TABLE agent_runs (
    number INTEGER PRIMARY KEY,
    agent TEXT NOT NULL,
    model TEXT NOT NULL,
    task TEXT NOT NULL,
    trace TEXT NOT NULL,
    begun INTEGER NOT NULL,
    seconds REAL NOT NULL,
    sandbox REAL NOT NULL,
    starts INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT,
    answer TEXT
) STRICT;
CREATE TABLE agent_steps (
    run INTEGER NOT NULL REFERENCES agent_runs (number) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    parent INTEGER,
    call TEXT NOT NULL,
    state TEXT NOT NULL,
    begun INTEGER NOT NULL,
    ended INTEGER,
    given TEXT NOT NULL,
    came TEXT NOT NULL,
    read INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    written INTEGER NOT NULL,
    PRIMARY KEY (run, number)
) STRICT;
