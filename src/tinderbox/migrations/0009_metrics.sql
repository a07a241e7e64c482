-- What a job's process measured of itself, by step. No key leads to jobs: a job is written by replacing its row.
CREATE TABLE metrics (
    job INTEGER NOT NULL,
    name TEXT NOT NULL,
    step INTEGER NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (job, name, step)
) STRICT, WITHOUT ROWID;
