-- Every statement of the gateway, by name.  Lists travel as one JSON array (`json_each`).
-- A style test checks that every name is used and every used name is here.

-- name: head
-- The fence.  Read first, under the write lock.
SELECT size, root, at FROM log_head WHERE one = 1

-- name: head_move
-- Moves the head only from the size the batch was computed on; no row hit means somebody else wrote.
UPDATE log_head SET size = ?, root = ?, at = ? WHERE one = 1 AND size = ?

-- name: messages_by_key
SELECT m.* FROM json_each(:keys) k JOIN message m ON m.iss = k.value ->> 0 AND m.jti = k.value ->> 1

-- name: message_add
INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: transfers_by_id
SELECT * FROM transfer WHERE id IN (SELECT value FROM json_each(:ids))

-- name: transfer_put
INSERT OR REPLACE INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: items_by_transfer
SELECT * FROM item WHERE transfer IN (SELECT value FROM json_each(:ids)) ORDER BY transfer, position

-- name: items_alike
-- A learner's items that still count, newest cases first, as likely twins are compared (`recognition.twins.Candidate`).
SELECT t.id, t.source, t.accepting, t.facing, t.leaf, i.record, i.state, i.nf, i.strength, i.alike, i.credits
FROM transfer t JOIN item i ON i.transfer = t.id
WHERE t.learner = :learner AND i.alike <> '' AND i.state IN ('claimed', 'recognised', 'recalling')
ORDER BY t.opened_at DESC, t.id, i.position LIMIT :most

-- name: item_put
INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: outcomes_by_key
SELECT * FROM outcome WHERE nf IN (SELECT value FROM json_each(:nfs))

-- name: outcomes_by_transfer
-- The outcomes a transfer's own items name, for release and redemption.
SELECT o.* FROM item i JOIN outcome o ON o.nf = i.nf WHERE i.transfer IN (SELECT value FROM json_each(:ids))

-- name: outcome_put
INSERT OR REPLACE INTO outcome VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: outcomes_contested
-- What waits for the presiding unit, or for a recall that it caused.
SELECT * FROM outcome WHERE claims <> '' ORDER BY nf LIMIT :most

-- name: outcomes_contested_count
SELECT COUNT(*) AS n FROM outcome WHERE claims <> ''

-- name: content_put
INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: contents_by_transfer
SELECT * FROM content WHERE transfer = :transfer

-- name: contents_by_key
SELECT c.* FROM json_each(:keys) k
JOIN content c ON c.iss = k.value ->> 0 AND c.jti = k.value ->> 1 AND c.name = k.value ->> 2

-- name: proposals_by_transfer
SELECT * FROM proposal WHERE transfer IN (SELECT value FROM json_each(:ids))

-- name: proposal_put
INSERT OR REPLACE INTO proposal VALUES (?, ?, ?)

-- name: recognised_before
-- What a learner was recognised in one programme by other cases.
SELECT i.kind, i.awarded FROM transfer t JOIN item i ON i.transfer = t.id
WHERE t.learner = :learner AND t.accepting = :accepting AND t.programme = :programme AND t.id <> :transfer
AND i.state = 'recognised' AND i.awarded IS NOT NULL LIMIT :most

-- name: part_key_put
INSERT OR REPLACE INTO part_key VALUES (?, ?, ?, ?)

-- name: part_key_by_id
SELECT * FROM part_key WHERE part_id = :part_id

-- name: owed_by_transfer
SELECT * FROM owed WHERE transfer IN (SELECT value FROM json_each(:ids)) ORDER BY transfer, number

-- name: owed_put
INSERT OR REPLACE INTO owed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: owed_due
-- The first open message of each transfer in one lane: order is kept per transfer, one in flight.
-- `:at_once` 1: the member is back, so what failed because of it need not wait any longer.
SELECT o.* FROM owed o
WHERE o.lane = :lane AND o.state IN ('new', 'ready') AND (o.next_at <= :now OR (:at_once = 1 AND o.last_error LIKE 'peer.%'))
  AND NOT EXISTS (SELECT 1 FROM owed e WHERE e.transfer = o.transfer AND e.lane = o.lane
                  AND e.number < o.number AND e.state IN ('new', 'ready'))
ORDER BY o.next_at, o.created_at LIMIT :most

-- name: owed_overdue
-- Messages that hold no case up, first of their transfer in their lane, open since before `:before` and not yet dead letters; oldest first.
SELECT o.* FROM owed o
WHERE o.state IN ('new', 'ready') AND o.dead_since = '' AND o.act NOT IN ('forward', 'fetch') AND max(o.created_at, o.first_at) <= :before
  AND NOT EXISTS (SELECT 1 FROM owed e WHERE e.transfer = o.transfer AND e.lane = o.lane
                  AND e.number < o.number AND e.state IN ('new', 'ready'))
ORDER BY max(o.created_at, o.first_at) LIMIT :most

-- name: owed_dead
-- Dead letters, by member, oldest first.
SELECT * FROM owed WHERE dead_since <> '' AND state IN ('new', 'ready') ORDER BY lane, dead_since, jti LIMIT :most

-- name: dead_letter_counts
SELECT lane, COUNT(*) AS n FROM owed WHERE dead_since <> '' AND state IN ('new', 'ready') GROUP BY lane

-- name: owed_counts
SELECT lane, state, COUNT(*) AS n FROM owed GROUP BY lane, state

-- name: consents_by_key
SELECT c.* FROM json_each(:keys) k JOIN consent c ON c.controller = k.value ->> 0 AND c.id = k.value ->> 1

-- name: consents_of
SELECT * FROM consent WHERE (:controller = '' OR controller = :controller) AND id || '/' || controller > :after
ORDER BY id || '/' || controller LIMIT :most

-- name: consent_put
INSERT OR REPLACE INTO consent VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: enquiries_by_id
SELECT * FROM enquiry WHERE id IN (SELECT value FROM json_each(:ids))

-- name: enquiry_put
INSERT OR REPLACE INTO enquiry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: enquiries_due
-- Open enquiries whose deadline has passed, oldest first.
SELECT * FROM enquiry WHERE deadline <= :now AND deadline IS NOT NULL ORDER BY deadline LIMIT :most

-- name: enquiries_warn
-- Open enquiries whose deadline is near and of which nobody was warned yet.
SELECT * FROM enquiry WHERE deadline > :now AND deadline <= :soon AND warned = 0 ORDER BY deadline LIMIT :most

-- name: enquiries_provisional
-- Deadlines of enquiries that were only a guess past the holiday table.
SELECT * FROM enquiry WHERE provisional = 1 AND deadline IS NOT NULL ORDER BY deadline LIMIT :most

-- name: members_all
SELECT * FROM member

-- name: member_put
INSERT OR REPLACE INTO member VALUES (?, ?, ?)

-- name: keys_all
SELECT * FROM member_key

-- name: key_put
INSERT OR REPLACE INTO member_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: log_entry_add
INSERT INTO log_entry VALUES (?, ?)

-- name: log_tile_put
INSERT OR REPLACE INTO log_tile VALUES (?, ?)

-- name: log_key_add
INSERT INTO log_key VALUES (?, ?, ?, ?, ?, ?)

-- name: log_tiles_by_id
SELECT id, data FROM log_tile WHERE id IN (SELECT value FROM json_each(:ids))

-- name: log_entries_range
SELECT idx, leaf FROM log_entry WHERE idx >= :first AND idx < :end ORDER BY idx

-- name: log_index_of
SELECT idx FROM log_key WHERE scope = :scope AND seq = :seq

-- name: log_scope
SELECT k.seq, k.idx, e.leaf FROM log_key k JOIN log_entry e ON e.idx = k.idx WHERE k.scope = :scope ORDER BY k.seq

-- name: transfers_of_member
-- Newest first; `:before` is the cursor (opened_at, id).
SELECT * FROM transfer
WHERE (:member = '' OR :member IN (source, accepting, facing)) AND (:state = '' OR state = :state)
  AND (opened_at, id) < (:before_at, :before_id)
ORDER BY opened_at DESC, id DESC LIMIT :most

-- name: transfers_due
-- Open cases whose deadline has passed, oldest first.
SELECT * FROM transfer WHERE deadline <= :now AND deadline IS NOT NULL ORDER BY deadline LIMIT :most

-- name: transfers_warn
-- Open cases whose deadline is near and of which nobody was warned yet.
SELECT * FROM transfer WHERE deadline > :now AND deadline <= :soon AND warned = 0 ORDER BY deadline LIMIT :most

-- name: transfers_provisional
-- Deadlines that were only a guess past the holiday table.
SELECT * FROM transfer WHERE provisional = 1 AND deadline IS NOT NULL ORDER BY deadline LIMIT :most

-- name: transfers_held
-- Held cases, longest held first.
SELECT * FROM transfer WHERE state = 'held' ORDER BY changed_at, id LIMIT :most

-- name: transfer_counts
SELECT state, COUNT(*) AS n FROM transfer GROUP BY state

-- name: log_keys_range
-- What the index says of each leaf, for an audit to compare with the leaf itself.
SELECT idx, scope, seq, iss, jti, n FROM log_key WHERE idx >= :first AND idx < :end ORDER BY idx

-- name: log_key_count
SELECT COUNT(*) AS n FROM log_key

-- name: lanes_all
-- The last number given in each lane.
SELECT member, seq FROM lane

-- name: lane_move
-- Moves a lane's last number only from the one the batch knew; no row hit means that another node gave numbers meanwhile.
INSERT INTO lane VALUES (?, ?) ON CONFLICT (member) DO UPDATE SET seq = excluded.seq WHERE lane.seq = ?

-- name: owed_numbers
-- What became of the numbers of a lane, in order.
SELECT seq, state FROM owed WHERE lane = :lane AND seq > :after ORDER BY seq LIMIT :most

-- name: owed_numbers_done
-- What was acknowledged about these cases, up to a number.
SELECT seq FROM owed
WHERE transfer IN (SELECT value FROM json_each(:ids)) AND +lane = :lane AND state = 'done' AND +seq BETWEEN 1 AND :to
ORDER BY +seq LIMIT :most

-- name: owed_by_numbers
-- CROSS JOIN keeps the order: a look for each number, not a walk along the lane.
SELECT o.* FROM json_each(:seqs) k CROSS JOIN owed o ON o.lane = :lane AND o.seq = k.value

-- name: message_numbers
-- A member's own numbers that came, in order, and how many messages carry each.
SELECT seq, COUNT(*) AS n FROM message WHERE iss = :iss AND seq > :after GROUP BY seq ORDER BY seq LIMIT :most

-- name: message_numbers_of
SELECT DISTINCT m.seq FROM json_each(:seqs) k CROSS JOIN message m ON m.iss = :iss AND m.seq = k.value

-- name: transfers_state
-- A page of what a state digest says: the cases a member is a party of and has been told of, that are open, or changed lately, or on
-- which the two sides differ; with their items as JSON.  One statement, so that state and items are of one commit.  (`+`: not by that index.)
SELECT t.id, t.state, t.ver,
       (SELECT json_group_array(json_array(i.record, i.state, i.credits)) FROM
         (SELECT * FROM item WHERE transfer = t.id ORDER BY position) i) AS items
FROM transfer t
WHERE t.id > :after AND :member IN (t.source, t.accepting, t.facing)
  AND (t.state IN (SELECT value FROM json_each(:open))
       OR (t.state IN (SELECT value FROM json_each(:ended)) AND t.changed_at > :since)
       OR t.id IN (SELECT transfer FROM difference WHERE member = :member AND closed_at = ''))
  AND (t.facing = :member OR EXISTS (SELECT 1 FROM owed o WHERE o.transfer = t.id AND +o.lane = :member AND o.state = 'done'))
ORDER BY t.id LIMIT :most

-- name: reconciliations_by_member
SELECT * FROM reconciliation WHERE member IN (SELECT value FROM json_each(:members))

-- name: reconciliations_all
SELECT * FROM reconciliation ORDER BY member

-- name: reconciliation_put
INSERT OR REPLACE INTO reconciliation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: differences_open
SELECT * FROM difference WHERE member IN (SELECT value FROM json_each(:members)) AND closed_at = '' ORDER BY member, transfer, kind, subject

-- name: differences_untold
-- Found, and nobody was alarmed yet.
SELECT * FROM difference WHERE closed_at = '' AND told = 0 ORDER BY member, found_at LIMIT :most

-- name: difference_counts
SELECT member, kind, COUNT(*) AS n FROM difference WHERE closed_at = '' GROUP BY member, kind

-- name: differences_of_member
-- What stands first, then what was closed, newest first.
SELECT * FROM difference WHERE member = :member AND (closed_at = '' OR :closed = 1)
ORDER BY closed_at <> '', found_at DESC, kind, transfer, subject LIMIT :most

-- name: difference_put
INSERT OR REPLACE INTO difference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: contents_forget
-- The contents of a state digest that is done with.
DELETE FROM content WHERE transfer = ?

-- name: part_key_forget
DELETE FROM part_key WHERE part_id = ?

-- name: statements_by_id
SELECT * FROM statement WHERE id IN (SELECT value FROM json_each(:ids))

-- name: statement_put
INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: statements_all
-- Newest month first.
SELECT * FROM statement
WHERE (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting) AND (:period = '' OR period = :period)
ORDER BY period DESC, source, accepting LIMIT :most

-- name: statement_counts
SELECT state, COUNT(*) AS n FROM statement GROUP BY state

-- name: statements_wanted
-- Ordered pairs and months (Chinese time) that are over and have no statement, or one older than some case's last change.
SELECT t.source, t.accepting, strftime('%Y-%m', t.opened_at, '+8 hours') AS period, COALESCE(s.revision, 0) AS revision
FROM transfer t
LEFT JOIN statement s
  ON s.source = t.source AND s.accepting = t.accepting AND s.period = strftime('%Y-%m', t.opened_at, '+8 hours')
WHERE t.opened_at < :before
GROUP BY t.source, t.accepting, period HAVING s.id IS NULL OR MAX(t.changed_at) > s.issued_at
ORDER BY period, t.source, t.accepting

-- name: statement_cases
-- What a statement is made of, with the size of the log: one statement, so that all of it is of one commit.
SELECT (SELECT size FROM log_head WHERE one = 1) AS size, t.id, t.state, t.ver,
       (SELECT json_group_array(json_array(i.record, i.state, i.reason, i.credits, i.awarded, i.points)) FROM
         (SELECT * FROM item WHERE transfer = t.id ORDER BY position) i) AS items
FROM transfer t
WHERE t.source = :source AND t.accepting = :accepting AND t.opened_at >= :first AND t.opened_at < :before
ORDER BY t.id

-- name: conservation_rows
-- Every case with its items' credits, from transfer `:after` on, a page at a time.
SELECT t.id, t.source, t.accepting, t.opened_at, t.totals, t.leaf,
       (SELECT json_group_array(json_array(i.state, i.credits, i.awarded)) FROM item i WHERE i.transfer = t.id) AS items
FROM transfer t WHERE t.id > :after ORDER BY t.id LIMIT :most

-- name: log_scopes_like
-- The leaves of all scopes from `:first` to before `:end`.
SELECT k.scope, k.idx, e.leaf FROM log_key k JOIN log_entry e ON e.idx = k.idx WHERE k.scope >= :first AND k.scope < :end ORDER BY k.idx

-- name: agreements_all
-- Few, and wanted whole: which of them holds is kept in memory as of the head.
SELECT * FROM agreement ORDER BY scope

-- name: agreement_put
INSERT OR REPLACE INTO agreement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: rules_all
-- Few and small, oldest first: the files themselves, which may have megabytes, stand elsewhere.
SELECT * FROM rule_version ORDER BY proposed_at, scope

-- name: rule_put
INSERT OR REPLACE INTO rule_version VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: rule_document
SELECT document FROM rule_file WHERE scope = :scope

-- name: rule_document_put
INSERT INTO rule_file VALUES (?, ?)

-- name: items_of_learners
-- What a learner brought in one direction, for a cap on that; a row without a transfer where there is nothing.
SELECT k.value ->> 0 AS learner, k.value ->> 1 AS source, k.value ->> 2 AS accepting, t.id, t.opened_at, i.state, i.kind, i.credits, i.awarded
FROM json_each(:learners) k
LEFT JOIN transfer t ON t.learner = k.value ->> 0 AND t.source = k.value ->> 1 AND t.accepting = k.value ->> 2
LEFT JOIN item i ON i.transfer = t.id
