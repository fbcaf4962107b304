-- Schema 3 of a bank's connector: rows of its feeds with the ids they were given, rows that stay behind, records applied for anew.

CREATE TABLE known_row (
    record TEXT PRIMARY KEY, natural_key TEXT NOT NULL, file TEXT NOT NULL, period TEXT NOT NULL, line INTEGER NOT NULL,
    learner TEXT NOT NULL, facts TEXT NOT NULL
);

CREATE TABLE held_row (
    file TEXT NOT NULL, line INTEGER NOT NULL, record TEXT NOT NULL, problems TEXT NOT NULL, found_at TEXT NOT NULL, mended_at TEXT NOT NULL,
    PRIMARY KEY (file, line, problems)
);
CREATE INDEX held_row_open ON held_row (file, line) WHERE mended_at = '';

CREATE TABLE opened_for (
    cause TEXT NOT NULL, subject TEXT NOT NULL, transfer TEXT NOT NULL,
    PRIMARY KEY (cause, subject)
);

CREATE INDEX bank_case_of_source ON bank_case (source, changed_at);
