-- Schema 2 of a bank's connector: numbers of messages, how far state digests were compared, and what differed.

ALTER TABLE outbox ADD COLUMN seq INTEGER;
CREATE UNIQUE INDEX outbox_by_seq ON outbox (seq) WHERE seq IS NOT NULL;
ALTER TABLE inbox ADD COLUMN seq INTEGER;
CREATE INDEX inbox_by_seq ON inbox (seq) WHERE seq IS NOT NULL;
CREATE TABLE reconciled (one INTEGER PRIMARY KEY CHECK (one = 1), floor INTEGER NOT NULL);
INSERT INTO reconciled VALUES (1, 0);
CREATE TABLE difference (
    kind TEXT NOT NULL, transfer TEXT NOT NULL, subject TEXT NOT NULL, ours TEXT NOT NULL, theirs TEXT NOT NULL,
    found_at TEXT NOT NULL, closed_at TEXT NOT NULL,
    PRIMARY KEY (kind, transfer, subject)
);
