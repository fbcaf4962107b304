-- Schema 4 of a bank's connector: people who sign in (as at the gateway), who looked at which learner's case, what was frozen to be confirmed.

CREATE TABLE person_session (
    id TEXT PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL, member TEXT NOT NULL, created_at TEXT NOT NULL,
    seen_at TEXT NOT NULL, expires_at TEXT NOT NULL
);
CREATE INDEX person_session_expiry ON person_session (expires_at);
CREATE TABLE person_act (
    n INTEGER PRIMARY KEY AUTOINCREMENT, merge TEXT NOT NULL UNIQUE, at TEXT NOT NULL, person TEXT NOT NULL, roles TEXT NOT NULL,
    member TEXT NOT NULL, act TEXT NOT NULL, object TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, times INTEGER NOT NULL
);
CREATE INDEX person_act_at ON person_act (at);
CREATE INDEX person_act_person ON person_act (person, n);
CREATE TABLE sign_in_failure (who TEXT PRIMARY KEY, failures INTEGER NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL);

CREATE TABLE learner_view (
    n INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, person TEXT NOT NULL, transfer TEXT NOT NULL, page TEXT NOT NULL
);
CREATE INDEX learner_view_transfer ON learner_view (transfer, n);

CREATE TABLE frozen (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, person TEXT NOT NULL, made_at TEXT NOT NULL, body TEXT NOT NULL, used_at TEXT NOT NULL
);
CREATE INDEX frozen_made ON frozen (made_at);

CREATE INDEX bank_case_state ON bank_case (state, changed_at);
