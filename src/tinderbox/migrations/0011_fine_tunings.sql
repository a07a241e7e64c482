CREATE TABLE fine_tunings (
    job INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    asked TEXT NOT NULL
) STRICT;
