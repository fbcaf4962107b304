-- A later schema of a bank's connector: bulk selections that were released for this bank as presiding unit, and how far they got.

CREATE TABLE selection_here (
    token TEXT PRIMARY KEY, act TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL, rate INTEGER NOT NULL, until TEXT NOT NULL,
    entries TEXT NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, signed_by TEXT NOT NULL, seen_at TEXT NOT NULL, changed_at TEXT NOT NULL
);
CREATE INDEX selection_here_state ON selection_here (state, seen_at);
