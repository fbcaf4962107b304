-- Schema 1.  Applied by migration 0001; later changes are migrations of their own.
-- Times are RFC 3339 UTC texts; amounts are decimal texts.

CREATE TABLE message (
    iss TEXT NOT NULL, jti TEXT NOT NULL, con TEXT NOT NULL, act TEXT NOT NULL, scope TEXT NOT NULL,
    at TEXT NOT NULL, status INTEGER NOT NULL, answer BLOB NOT NULL, secret BLOB NOT NULL, leaf BIGINT, size BIGINT,
    PRIMARY KEY (iss, jti)
);

CREATE TABLE transfer (
    id TEXT PRIMARY KEY, iss TEXT NOT NULL, jti TEXT NOT NULL,
    source TEXT NOT NULL, accepting TEXT NOT NULL, facing TEXT NOT NULL,
    state TEXT NOT NULL, ver BIGINT NOT NULL, seq BIGINT NOT NULL,
    opened_at TEXT NOT NULL, changed_at TEXT NOT NULL, deadline TEXT, provisional INTEGER NOT NULL,
    part_id TEXT NOT NULL, identity_sd TEXT NOT NULL, part_sd TEXT NOT NULL,
    consent_id TEXT NOT NULL, consent_until TEXT NOT NULL,
    delivered_sd TEXT NOT NULL, delivered_jti TEXT NOT NULL, mapping TEXT NOT NULL,
    account TEXT NOT NULL, none_reason TEXT NOT NULL,
    posted_source TEXT NOT NULL, posted_accepting TEXT NOT NULL, decision_jti TEXT NOT NULL,
    learner TEXT NOT NULL, programme TEXT NOT NULL, totals TEXT NOT NULL, leaf BIGINT NOT NULL
);
CREATE INDEX transfer_by_state ON transfer (state, changed_at);

CREATE TABLE item (
    transfer TEXT NOT NULL, position INTEGER NOT NULL, record TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    cm TEXT NOT NULL, nf TEXT NOT NULL, strength TEXT NOT NULL, kind TEXT NOT NULL,
    credits TEXT, awarded TEXT, taken_leaf BIGINT,
    PRIMARY KEY (transfer, position)
);

CREATE TABLE outcome (
    nf TEXT PRIMARY KEY, state TEXT NOT NULL, strength TEXT NOT NULL, holder TEXT NOT NULL,
    learner TEXT NOT NULL, source TEXT NOT NULL, leaf BIGINT
);

CREATE TABLE content (
    iss TEXT NOT NULL, jti TEXT NOT NULL, name TEXT NOT NULL, transfer TEXT NOT NULL, part_id TEXT NOT NULL,
    media_type TEXT NOT NULL, sd TEXT NOT NULL, length BIGINT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (iss, jti, name)
);
CREATE INDEX content_by_transfer ON content (transfer);

CREATE TABLE part_key (part_id TEXT PRIMARY KEY, transfer TEXT NOT NULL, wrapped BLOB NOT NULL, created_at TEXT NOT NULL);

CREATE TABLE owed (
    jti TEXT PRIMARY KEY, lane TEXT NOT NULL, transfer TEXT NOT NULL, number INTEGER NOT NULL, act TEXT NOT NULL,
    event TEXT NOT NULL, irt TEXT NOT NULL, claims TEXT NOT NULL, contents TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, next_at TEXT NOT NULL, last_error TEXT NOT NULL, created_at TEXT NOT NULL
);
CREATE INDEX owed_open ON owed (lane, next_at) WHERE state IN ('new', 'ready');
CREATE INDEX owed_by_transfer ON owed (transfer, number);

CREATE TABLE consent (
    id TEXT NOT NULL, controller TEXT NOT NULL, transfer TEXT NOT NULL, recipient TEXT NOT NULL, until TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (controller, id)
);

CREATE TABLE member (member TEXT PRIMARY KEY, status TEXT NOT NULL, seq BIGINT NOT NULL);

CREATE TABLE member_key (
    kid TEXT PRIMARY KEY, member TEXT NOT NULL, alg TEXT NOT NULL, jwk TEXT NOT NULL,
    not_before TEXT NOT NULL, not_after TEXT NOT NULL, revoked_at TEXT NOT NULL, log_from BIGINT NOT NULL, log_until BIGINT
);

CREATE TABLE log_entry (idx BIGINT PRIMARY KEY, leaf BLOB NOT NULL);
CREATE TABLE log_tile (id BIGINT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE log_head (one INTEGER PRIMARY KEY CHECK (one = 1), size BIGINT NOT NULL, root BLOB NOT NULL, at TEXT NOT NULL);
CREATE TABLE log_key (
    scope TEXT NOT NULL, seq BIGINT NOT NULL, iss TEXT NOT NULL, jti TEXT NOT NULL, n INTEGER NOT NULL, idx BIGINT NOT NULL,
    PRIMARY KEY (scope, seq), UNIQUE (iss, jti, n)
);
CREATE TABLE log_cosignature (size BIGINT NOT NULL, witness TEXT NOT NULL, line TEXT NOT NULL, PRIMARY KEY (size, witness));
