CREATE TABLE models (
    name TEXT PRIMARY KEY,
    licence TEXT,
    source TEXT NOT NULL,
    added TEXT NOT NULL
) STRICT;

CREATE TABLE model_files (
    model TEXT NOT NULL REFERENCES models (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (model, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX model_files_by_content ON model_files (sha256);
