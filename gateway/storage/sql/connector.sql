-- Every statement of a bank's connector, by name.

-- name: outbox_add
-- Its number is the next one, and stays with it.
INSERT INTO outbox (jti, act, scope, claims, state, attempts, next_at, last_error, created_at, seq)
VALUES (?, ?, ?, ?, 'waiting', 0, ?, '', ?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM outbox))

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

-- name: outbox_receipts
-- What the receipts tell of leaves, from a number on.
SELECT number, state <> 'waiting' AS ended, receipt ->> 'index' AS at, receipt ->> 'leaf' AS leaf, receipt ->> 'proof' AS proof
FROM outbox WHERE number > :above ORDER BY number LIMIT :most

-- name: inbox_add
INSERT INTO inbox (iss, jti, act, scope, con, state, error, token, at, seq) VALUES (?, ?, ?, ?, ?, 'kept', '', ?, ?, ?)

-- name: inbox_by_key
SELECT * FROM inbox WHERE iss = :iss AND jti = :jti

-- name: inbox_kept
SELECT * FROM inbox WHERE state = 'kept' ORDER BY number LIMIT :most

-- name: inbox_refused
SELECT * FROM inbox WHERE state = 'refused' ORDER BY number

-- name: inbox_of_scope
SELECT * FROM inbox WHERE scope = :scope ORDER BY number

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

-- name: inbox_numbers
-- Those of these numbers of the gateway's that came.
SELECT DISTINCT i.seq FROM json_each(:seqs) k CROSS JOIN inbox i ON i.seq = k.value

-- name: outbox_last_number
SELECT COALESCE(MAX(seq), 0) AS seq FROM outbox

-- name: outbox_numbers_waiting
SELECT seq FROM outbox WHERE state = 'waiting' AND seq IS NOT NULL ORDER BY seq LIMIT :most

-- name: outbox_by_numbers
SELECT o.* FROM json_each(:seqs) k CROSS JOIN outbox o ON o.seq = k.value

-- name: cases_by_ids
SELECT * FROM bank_case WHERE transfer IN (SELECT value FROM json_each(:ids))

-- name: busy_scopes
-- Cases about which something is still to be sent or worked on.
SELECT scope FROM outbox WHERE state = 'waiting' UNION SELECT scope FROM inbox WHERE state = 'kept'

-- name: floor
-- Up to which number of the gateway's everything was compared.
SELECT floor FROM reconciled WHERE one = 1

-- name: floor_set
UPDATE reconciled SET floor = ? WHERE one = 1

-- name: differences_all
SELECT * FROM difference ORDER BY found_at, kind, transfer, subject

-- name: difference_put
INSERT OR REPLACE INTO difference VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: cases_of_source
-- Cases in which this bank is the source that have changed since, a page at a time.
SELECT * FROM bank_case WHERE source = :member AND changed_at >= :since AND transfer > :after ORDER BY transfer LIMIT :most

-- name: known_rows_all
SELECT record, natural_key, file, period, line, learner, facts FROM known_row

-- name: known_row_put
INSERT OR REPLACE INTO known_row VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: held_rows_all
SELECT * FROM held_row ORDER BY mended_at, file, line, problems

-- name: held_row_put
-- Damaged in the same way again: the same entry, open once more.
INSERT INTO held_row VALUES (?, ?, ?, ?, ?, '') ON CONFLICT (file, line, problems) DO UPDATE SET mended_at = '', record = excluded.record

-- name: held_row_mended
UPDATE held_row SET mended_at = ? WHERE file = ? AND line = ? AND problems = ?

-- name: opened_for_add
INSERT INTO opened_for VALUES (?, ?, ?)

-- name: opened_for
-- The case that was opened because of this.
SELECT transfer FROM opened_for WHERE cause = :cause AND subject = :subject

-- name: cases_listed
-- Cases as the inbox shows them: in these states, of one source bank where one is named, only those whose turn is this bank's where asked;
-- the earliest deadline first.
SELECT * FROM bank_case
WHERE state IN (SELECT value FROM json_each(:states)) AND (:source = '' OR source = :source)
  AND (:turn = '' OR EXISTS (SELECT 1 FROM json_each(bank_case.body, '$.waiting_on') w WHERE w.value = :turn))
ORDER BY COALESCE(body ->> 'deadline', '9999'), transfer LIMIT :most

-- name: cases_counted
-- How many cases by state and by the part this bank has in them, and in how many it is its turn.
SELECT state, CASE :member WHEN accepting THEN 'accepting' WHEN source THEN 'source' ELSE 'facing' END AS part, COUNT(*) AS n,
       SUM(EXISTS (SELECT 1 FROM json_each(bank_case.body, '$.waiting_on') w WHERE w.value = :member)) AS ours
FROM bank_case GROUP BY state, part ORDER BY state, part

-- name: items_counted
-- How many items by their state, their reason and the bank they come from, in cases that this bank accepts.
SELECT c.source, i.value ->> 'state' AS state, COALESCE(i.value ->> 'reason', '') AS reason, COUNT(*) AS n
FROM bank_case c, json_each(c.body, '$.items') i WHERE c.accepting = :member GROUP BY c.source, state, reason ORDER BY c.source, state, reason

-- name: messages_counted
SELECT act, state, COUNT(*) AS n FROM outbox GROUP BY act, state ORDER BY act, state

-- name: outbox_stuck
-- What did not go through: waiting after a try, refused, not authentic to the gateway, or answered without proof; newest first.
SELECT * FROM outbox WHERE state IN ('refused', 'failed', 'alarm') OR (state = 'waiting' AND attempts > 0) ORDER BY number DESC LIMIT :most

-- name: learner_view_add
INSERT INTO learner_view (at, person, transfer, page) VALUES (?, ?, ?, ?)

-- name: learner_views
-- Who looked at a learner's case, newest first; of one case where one is named.
SELECT at, person, transfer, page FROM learner_view WHERE (:transfer = '' OR transfer = :transfer) ORDER BY n DESC LIMIT :most

-- name: learner_views_before
SELECT COUNT(*) AS n FROM learner_view WHERE at < :before

-- name: learner_views_forget
-- The oldest so many.
DELETE FROM learner_view WHERE n IN (SELECT n FROM learner_view WHERE at < ? ORDER BY n LIMIT ?)

-- name: frozen_put
INSERT INTO frozen VALUES (?, ?, ?, ?, ?, '')

-- name: frozen_by_id
SELECT * FROM frozen WHERE id = :id

-- name: frozen_use
-- Once, whoever comes first.
UPDATE frozen SET used_at = ? WHERE id = ? AND used_at = ''

-- name: frozen_sweep
DELETE FROM frozen WHERE made_at < ?

-- name: selection_here_put
-- Once: what was collected of a selection does not change, and neither does what a person has said of it.
INSERT INTO selection_here VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', '', ?, ?) ON CONFLICT (token) DO NOTHING

-- name: selection_here_by_token
SELECT * FROM selection_here WHERE token = :token

-- name: selections_here
-- Newest first; of one state where one is named.
SELECT * FROM selection_here WHERE (:state = '' OR state = :state) ORDER BY seen_at DESC, token LIMIT :most

-- name: selection_here_sign
-- A person's word: for exactly what was shown, once.
UPDATE selection_here SET state = 'signed', signed_by = ?, changed_at = ? WHERE token = ? AND digest = ? AND state = 'asked'

-- name: selection_here_move
UPDATE selection_here SET state = ?, code = ?, changed_at = ? WHERE token = ? AND state = ?
