-- Schema 1 of a bank's connector.  Times are RFC 3339 UTC texts.  The file lies on the bank's own premises.

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    jti TEXT NOT NULL UNIQUE, act TEXT NOT NULL, scope TEXT NOT NULL, claims TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at TEXT NOT NULL, last_error TEXT NOT NULL,
    status INTEGER, answer BLOB, receipt TEXT, created_at TEXT NOT NULL
);
CREATE INDEX outbox_waiting ON outbox (scope, number) WHERE state = 'waiting';

CREATE TABLE inbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    iss TEXT NOT NULL, jti TEXT NOT NULL, act TEXT NOT NULL, scope TEXT NOT NULL, con TEXT NOT NULL,
    state TEXT NOT NULL, error TEXT NOT NULL, token TEXT NOT NULL, at TEXT NOT NULL,
    UNIQUE (iss, jti)
);
CREATE INDEX inbox_scope ON inbox (scope, number);

CREATE TABLE held_content (
    box TEXT NOT NULL, jti TEXT NOT NULL, place INTEGER NOT NULL,
    name TEXT NOT NULL, media_type TEXT NOT NULL, secret BLOB NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (box, jti, place)
);

CREATE TABLE bank_case (
    transfer TEXT PRIMARY KEY, source TEXT NOT NULL, accepting TEXT NOT NULL, facing TEXT NOT NULL,
    state TEXT NOT NULL, ver INTEGER NOT NULL, todo TEXT NOT NULL, forward_jti TEXT NOT NULL, decided_jti TEXT NOT NULL,
    body TEXT NOT NULL, changed_at TEXT NOT NULL
);

CREATE TABLE known_id (natural_key TEXT PRIMARY KEY, record TEXT NOT NULL);
