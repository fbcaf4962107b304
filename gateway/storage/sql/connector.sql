-- Every statement of a bank's connector, by name.

-- name: outbox_add
INSERT INTO outbox (jti, act, scope, claims, state, attempts, next_at, last_error, created_at)
VALUES (?, ?, ?, ?, 'waiting', 0, ?, '', ?)

-- name: outbox_due
-- The first waiting message of each transfer: order is kept per transfer, one in flight.
SELECT o.* FROM outbox o
WHERE o.state = 'waiting' AND o.next_at <= :now
  AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.scope = o.scope AND e.state = 'waiting' AND e.number < o.number)
ORDER BY o.number LIMIT :most

-- name: outbox_failed_try
UPDATE outbox SET attempts = attempts + 1, next_at = ?, last_error = ? WHERE jti = ? AND state = 'waiting'

-- name: outbox_hurry
-- The gateway is heard again: what could not reach it is due at once.
UPDATE outbox SET next_at = ? WHERE state = 'waiting' AND last_error = 'peer.unavailable'

-- name: outbox_end
UPDATE outbox SET state = ?, attempts = attempts + 1, last_error = ?, status = ?, answer = ?, receipt = ? WHERE jti = ? AND state = 'waiting'

-- name: outbox_again
-- Its answer is wanted once more: the same message is sent again.
UPDATE outbox SET state = 'waiting', next_at = ? WHERE jti = ? AND state <> 'waiting'

-- name: outbox_by_jti
SELECT * FROM outbox WHERE jti = :jti

-- name: outbox_by_irt
-- The answer this bank gave to a message of the gateway.
SELECT * FROM outbox WHERE claims ->> 'irt' = :irt ORDER BY number

-- name: outbox_all
SELECT * FROM outbox ORDER BY number

-- name: inbox_add
INSERT INTO inbox (iss, jti, act, scope, con, state, error, token, at) VALUES (?, ?, ?, ?, ?, 'kept', '', ?, ?)

-- name: inbox_by_key
SELECT * FROM inbox WHERE iss = :iss AND jti = :jti

-- name: inbox_kept
SELECT * FROM inbox WHERE state = 'kept' ORDER BY number LIMIT :most

-- name: inbox_refused
SELECT * FROM inbox WHERE state = 'refused' ORDER BY number

-- name: inbox_all
SELECT * FROM inbox ORDER BY number

-- name: inbox_end
UPDATE inbox SET state = ?, error = ? WHERE iss = ? AND jti = ?

-- name: held_add
INSERT INTO held_content VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: held_of
SELECT * FROM held_content WHERE box = :box AND jti = :jti ORDER BY place

-- name: case_put
INSERT OR REPLACE INTO bank_case VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: case_by_id
SELECT * FROM bank_case WHERE transfer = :transfer

-- name: cases_to_do
SELECT * FROM bank_case WHERE todo <> '' ORDER BY changed_at, transfer

-- name: cases_all
SELECT * FROM bank_case ORDER BY changed_at, transfer

-- name: known_id_add
-- An id once given is never given anew.
INSERT OR IGNORE INTO known_id VALUES (?, ?)

-- name: known_ids_all
SELECT natural_key, record FROM known_id

-- name: outbox_of_scope
SELECT * FROM outbox WHERE scope = :scope ORDER BY number
