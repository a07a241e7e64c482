-- Factors by engine, kind of run and kind of model: the mean of ln(measured / predicted).
CREATE TABLE corrections (
    name TEXT PRIMARY KEY,
    mean REAL NOT NULL,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was measured of this machine, in bytes a second.
CREATE TABLE machine_figures (
    name TEXT PRIMARY KEY,
    value REAL NOT NULL,
    low REAL,
    high REAL,
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What each model took at most with these settings, beside what was predicted without correction.
CREATE TABLE loads (
    model TEXT NOT NULL,
    engine TEXT NOT NULL,
    context INTEGER NOT NULL,
    parallel INTEGER NOT NULL,
    predicted INTEGER NOT NULL,
    measured INTEGER NOT NULL,
    PRIMARY KEY (model, engine, context, parallel)
) STRICT, WITHOUT ROWID;
