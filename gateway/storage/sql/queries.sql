-- Every statement of the gateway, by name.  Lists travel as one JSON array (`json_each`).
-- A style test checks that every name is used and every used name is here.

-- name: head
-- The fence.  Read first, under the write lock.
SELECT size, root, at FROM log_head WHERE one = 1

-- name: head_move
-- Moves the head only from the size the batch was computed on; no row hit means somebody else wrote.
UPDATE log_head SET size = ?, root = ?, at = ? WHERE one = 1 AND size = ?

-- name: messages_by_key
-- Here and elsewhere a last column `wrapped` is the key of what is sealed in the row: `storage.sealed_rows` opens it and takes it off.
SELECT m.*, p.wrapped FROM json_each(:keys) k JOIN message m ON m.iss = k.value ->> 0 AND m.jti = k.value ->> 1
LEFT JOIN part_key p ON p.part_id = m.part_id

-- name: message_add
INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: transfers_by_id
SELECT t.*, p.wrapped FROM transfer t LEFT JOIN part_key p ON p.part_id = t.id WHERE t.id IN (SELECT value FROM json_each(:ids))

-- name: transfer_put
INSERT OR REPLACE INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: items_by_transfer
SELECT i.*, p.wrapped FROM item i LEFT JOIN part_key p ON p.part_id = i.transfer
WHERE i.transfer IN (SELECT value FROM json_each(:ids)) ORDER BY i.transfer, i.position

-- name: items_past
-- Of each case, the items that came to a decision or wait for it: where they stand and which records they are.
SELECT i.transfer, i.position, i.record, p.wrapped FROM item i LEFT JOIN part_key p ON p.part_id = i.transfer
WHERE i.transfer IN (SELECT value FROM json_each(:ids)) AND i.state <> 'closed'

-- name: items_alike
-- A learner's items that still count, newest cases first, as likely twins are compared (`recognition.twins.Candidate`).
SELECT t.id, t.source, t.accepting, t.facing, t.leaf, i.record, i.state, i.nf, i.strength, i.alike, i.credits, p.wrapped
FROM transfer t JOIN item i ON i.transfer = t.id LEFT JOIN part_key p ON p.part_id = t.id
WHERE t.learner = :learner AND i.alike <> '' AND i.state IN ('claimed', 'recognised', 'recalling')
ORDER BY t.opened_at DESC, t.id, i.position LIMIT :most

-- name: item_put
INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

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
INSERT OR REPLACE INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: content_line_put
INSERT OR REPLACE INTO content_line VALUES (?, ?, ?, ?, ?, ?)

-- name: content_lines
-- The stretches of one paper that name single cases, each under its case's key.
SELECT l.*, p.wrapped FROM content_line l LEFT JOIN part_key p ON p.part_id = l.part_id
WHERE l.iss = :iss AND l.jti = :jti AND l.name = :paper ORDER BY l.line

-- name: content_lines_blank
UPDATE content_line SET text = '' WHERE part_id = ?

-- name: rulings_on
-- The parts of rulings about these outcomes that are there still.
SELECT DISTINCT part_id FROM content WHERE transfer IN (SELECT value FROM json_each(:nfs)) AND part_id <> transfer AND length(sealed) > 0
ORDER BY part_id LIMIT :most

-- name: contents_by_transfer
SELECT * FROM content WHERE transfer = :transfer

-- name: contents_by_key
SELECT c.* FROM json_each(:keys) k
JOIN content c ON c.iss = k.value ->> 0 AND c.jti = k.value ->> 1 AND c.name = k.value ->> 2

-- name: proposals_by_transfer
SELECT o.*, p.wrapped FROM proposal o LEFT JOIN part_key p ON p.part_id = o.transfer WHERE o.transfer IN (SELECT value FROM json_each(:ids))

-- name: proposal_put
INSERT OR REPLACE INTO proposal VALUES (?, ?, ?)

-- name: recognised_before
-- What a learner was recognised in one programme by other cases.
SELECT i.kind, i.awarded FROM transfer t JOIN item i ON i.transfer = t.id
WHERE t.learner = :learner AND t.accepting = :accepting AND t.programme = :programme AND t.id <> :transfer
AND i.state = 'recognised' AND i.awarded IS NOT NULL LIMIT :most

-- name: decided_before
-- The decisions by which a learner was recognised something in one programme, latest cases first.
SELECT t.id, t.decision_jti FROM transfer t
WHERE t.learner = :learner AND t.accepting = :accepting AND t.programme = :programme AND t.id <> :transfer AND t.decision_jti <> ''
AND EXISTS (SELECT 1 FROM item i WHERE i.transfer = t.id AND i.state = 'recognised') ORDER BY t.opened_at DESC, t.id LIMIT :most

-- name: part_key_put
INSERT OR REPLACE INTO part_key VALUES (?, ?, ?, ?)

-- name: part_key_by_id
SELECT * FROM part_key WHERE part_id = :part_id

-- name: part_keys_by_id
SELECT part_id, wrapped FROM part_key WHERE part_id IN (SELECT value FROM json_each(:ids))

-- name: owed_by_transfer
SELECT o.*, p.wrapped FROM owed o LEFT JOIN part_key p ON p.part_id = o.transfer
WHERE o.transfer IN (SELECT value FROM json_each(:ids)) ORDER BY o.transfer, o.number

-- name: owed_put
INSERT OR REPLACE INTO owed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: owed_due
-- The first open message of each transfer in one lane: order is kept per transfer, one in flight.
-- `:at_once` 1: the member is back, so what failed because of it need not wait any longer.
SELECT o.*, p.wrapped FROM owed o LEFT JOIN part_key p ON p.part_id = o.transfer
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

-- name: owed_failing
-- Messages tried at least `:tries` times that will be tried again, none of them a dead letter; longest owed first.
SELECT * FROM owed WHERE state IN ('new', 'ready') AND attempts >= :tries AND dead_since = '' ORDER BY created_at, jti LIMIT :most

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
INSERT OR REPLACE INTO consent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: consents_by_scope
SELECT * FROM consent WHERE scope = :scope AND scope <> ''

-- name: consents_outlived
-- Registered consents that no case took up, whose term ended before `:before`; oldest first.
SELECT c.* FROM consent c LEFT JOIN fate f ON f.part_id = c.scope
WHERE c.scope <> '' AND c.transfer = '' AND c.state <> 'erased' AND c.until < :before
  AND (f.part_id IS NULL OR f.held_at = '' OR (f.held_until <> '' AND f.held_until < :today))
ORDER BY c.until, c.scope LIMIT :most

-- name: flag_consents_held
-- One bank's consents for reading one learner's flags.
SELECT c.*, p.wrapped FROM flag_consent c LEFT JOIN part_key p ON p.part_id = c.scope
WHERE c.learner = :learner AND c.controller = :controller ORDER BY c.scope LIMIT :most

-- name: flag_consent_forget
DELETE FROM flag_consent WHERE scope = ?

-- name: enquiries_asked_by
-- One bank's questions to another about one learner.
SELECT * FROM enquiry WHERE learner = :learner AND iss = :asker AND source = :source ORDER BY id LIMIT :most

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

-- name: log_last_of_scopes
-- The newest leaf of each scope.
SELECT s.value, (SELECT k.idx FROM log_key k WHERE k.scope = s.value ORDER BY k.seq DESC LIMIT 1) FROM json_each(:scopes) s

-- name: log_seqs_of_scopes
-- The number of the newest leaf of each scope, -1 where it has none.
SELECT s.value, COALESCE((SELECT k.seq FROM log_key k WHERE k.scope = s.value ORDER BY k.seq DESC LIMIT 1), -1) FROM json_each(:scopes) s

-- name: log_scope
SELECT k.seq, k.idx, e.leaf FROM log_key k JOIN log_entry e ON e.idx = k.idx WHERE k.scope = :scope ORDER BY k.seq

-- name: cosignature_put
-- Kept for ever: evidence of past roots.  `witness` is the key's name and id, so that a changed key is another witness.
INSERT INTO log_cosignature VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: cosignatures_at
SELECT line FROM log_cosignature WHERE size = :size ORDER BY witness

-- name: cosigned_sizes
-- Candidates only: whether a line counts today is for its reader to say.
SELECT size FROM log_cosignature
WHERE size > :above AND size <= (SELECT size FROM log_head WHERE one = 1)
GROUP BY size HAVING count(*) >= :quorum ORDER BY size DESC LIMIT :most

-- name: cosigned_newest
SELECT size, witness, line FROM log_cosignature ORDER BY size DESC, witness LIMIT :most

-- name: cosigned_last_by
-- The size that this witness cosigned last.
SELECT size FROM log_cosignature WHERE witness = :witness ORDER BY size DESC LIMIT 1

-- name: conflict_add
INSERT INTO log_conflict VALUES (?, ?, ?, ?, ?, ?, ?, '')

-- name: conflicts_open
-- While there is one, the log takes no leaf.
SELECT * FROM log_conflict WHERE resolved_at = '' ORDER BY found_at, member

-- name: conflict_resolve
UPDATE log_conflict SET resolved_at = ? WHERE member = ? AND found_at = ?

-- name: transfers_of_member
-- Newest first; `:before` is the cursor (opened_at, id).
SELECT * FROM transfer
WHERE (:member = '' OR :member IN (source, accepting, facing)) AND (:state = '' OR state = :state)
  AND (opened_at, id) < (:before_at, :before_id)
ORDER BY opened_at DESC, id DESC LIMIT :most

-- name: transfers_past
-- Cases of one accepting bank (or, with '', of all), by id up to `:last` (or, with '', to the end), a page at a time: each with its
-- wrapped key, its items and its closed ones counted, and the content of that name which `:iss` made of it.
SELECT t.id, t.opened_at, t.accepting, t.programme, t.consent_withdrawn, t.part_id, p.wrapped,
  (SELECT count(*) FROM item i WHERE i.transfer = t.id),
  (SELECT count(*) FROM item i WHERE i.transfer = t.id AND i.state = 'closed'), c.*
FROM transfer t LEFT JOIN part_key p ON p.part_id = t.part_id
LEFT JOIN content c ON c.iss = :iss AND c.jti = t.id AND c.name = :content
WHERE (:accepting = '' OR t.accepting = :accepting) AND t.id > :after AND (:last = '' OR t.id <= :last) ORDER BY t.id LIMIT :most

-- name: transfers_accepted_count
SELECT count(*) FROM transfer WHERE :accepting = '' OR accepting = :accepting

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
         (SELECT * FROM item WHERE transfer = t.id ORDER BY position) i) AS items,
       p.wrapped
FROM transfer t LEFT JOIN part_key p ON p.part_id = t.id
WHERE t.id > :after AND :member IN (t.source, t.accepting, t.facing)
  AND (t.state IN (SELECT value FROM json_each(:open))
       OR (t.state IN (SELECT value FROM json_each(:ended)) AND t.changed_at > :since AND p.wrapped IS NOT NULL)
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
SELECT d.*, p.wrapped FROM difference d LEFT JOIN part_key p ON p.part_id = d.transfer
WHERE d.member IN (SELECT value FROM json_each(:members)) AND d.closed_at = '' ORDER BY d.member, d.transfer, d.kind, d.subject

-- name: differences_untold
-- Found, and nobody was alarmed yet.
SELECT d.*, p.wrapped FROM difference d LEFT JOIN part_key p ON p.part_id = d.transfer
WHERE d.closed_at = '' AND d.told = 0 ORDER BY d.member, d.found_at LIMIT :most

-- name: difference_counts
SELECT member, kind, COUNT(*) AS n FROM difference WHERE closed_at = '' GROUP BY member, kind

-- name: differences_of_member
-- What stands first, then what was closed, newest first.
SELECT d.*, p.wrapped FROM difference d LEFT JOIN part_key p ON p.part_id = d.transfer
WHERE d.member = :member AND (d.closed_at = '' OR :closed = 1)
ORDER BY d.closed_at <> '', d.found_at DESC, d.kind, d.transfer, d.subject LIMIT :most

-- name: difference_put
INSERT OR REPLACE INTO difference VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: contents_forget
-- The contents of a state digest that is done with.
DELETE FROM content WHERE transfer = ?

-- name: part_key_forget
DELETE FROM part_key WHERE part_id = ?

-- name: contents_blank
-- What was sealed under a key that is destroyed: which papers there were stays, their bytes go.
UPDATE content SET sealed = x'' WHERE part_id = ?

-- name: proposal_forget
DELETE FROM proposal WHERE transfer = ?

-- name: differences_forget
DELETE FROM difference WHERE transfer = ?

-- name: fates_by_part
SELECT * FROM fate WHERE part_id IN (SELECT value FROM json_each(:ids))

-- name: fate_put
INSERT OR REPLACE INTO fate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: fates_held
SELECT * FROM fate WHERE held_at <> '' ORDER BY held_at, part_id LIMIT :most

-- name: consents_used_by
-- Consents registered by themselves that one case used.
SELECT * FROM consent WHERE transfer = :transfer AND digest <> ''

-- name: statements_by_id
-- Their last column has the keys of all the parts that are named in what is disputed.
SELECT s.*, (SELECT json_group_object(p.part_id, hex(p.wrapped)) FROM part_key p WHERE p.part_id IN
         (SELECT i.value ->> 0 FROM json_each(s.disputed) m, json_each(m.value) i)) AS wrapped
FROM statement s WHERE s.id IN (SELECT value FROM json_each(:ids))

-- name: statement_put
INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: statements_all
-- Newest month first.  The last column as above.
SELECT s.*, (SELECT json_group_object(p.part_id, hex(p.wrapped)) FROM part_key p WHERE p.part_id IN
         (SELECT i.value ->> 0 FROM json_each(s.disputed) m, json_each(m.value) i)) AS wrapped
FROM statement s
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
GROUP BY t.source, t.accepting, period HAVING s.id IS NULL OR MAX(t.changed_at) > s.issued_at OR s.torn = 1
ORDER BY period, t.source, t.accepting

-- name: statement_cases
-- What a statement is made of, with the size of the log: one statement, so that all of it is of one commit.
SELECT (SELECT size FROM log_head WHERE one = 1) AS size, t.id, t.state, t.ver,
       (SELECT json_group_array(json_array(i.record, i.state, i.reason, i.credits, i.awarded, i.points)) FROM
         (SELECT * FROM item WHERE transfer = t.id ORDER BY position) i) AS items,
       p.wrapped
FROM transfer t LEFT JOIN part_key p ON p.part_id = t.id
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

-- name: handovers_by_scope
SELECT * FROM handover WHERE scope IN (SELECT value FROM json_each(:scopes))

-- name: handovers_all
-- One a pair of successive turns: few.
SELECT * FROM handover ORDER BY ended_until, scope

-- name: handover_put
INSERT OR REPLACE INTO handover VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: open_duties
-- What waits for the presiding unit, or that the unit that comes has to know of, beside the cases (`tally_sums`).
SELECT 'contested' AS duty, COUNT(*) AS n FROM outcome WHERE claims <> ''
UNION ALL SELECT 'flags', COUNT(*) FROM flag WHERE state = 'escalated'
UNION ALL SELECT 'dead_letters', COUNT(*) FROM owed WHERE dead_since <> '' AND state IN ('new', 'ready')
UNION ALL SELECT 'rules', COUNT(*) FROM rule_version WHERE state IN ('tested', 'approved')
UNION ALL SELECT 'agreements', COUNT(*) FROM agreement WHERE proposed_by <> ''
UNION ALL SELECT 'alarms', COUNT(*) FROM alert WHERE state <> 'over'
UNION ALL SELECT 'legal_holds', COUNT(*) FROM fate WHERE held_at <> '' AND (held_until = '' OR held_until >= :today)

-- name: rules_page
-- Newest first; `:before` is the cursor (proposed_at, scope).
SELECT * FROM rule_version
WHERE (:accepting = '' OR accepting = :accepting) AND (:id = '' OR id = :id) AND (proposed_at, scope) < (:before_at, :before_scope)
ORDER BY proposed_at DESC, scope DESC LIMIT :most

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

-- name: person_session
SELECT * FROM person_session WHERE id = :id

-- name: person_session_put
INSERT OR REPLACE INTO person_session VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: person_session_seen
-- Monotonic: a slower request does not turn the idle clock back, and one that was ended stays ended.
UPDATE person_session SET seen_at = MAX(seen_at, ?) WHERE id = ?

-- name: person_session_end
DELETE FROM person_session WHERE id = ?

-- name: person_sessions_sweep
DELETE FROM person_session WHERE expires_at < ? OR seen_at < ?

-- name: person_act_put
-- A refusal that repeats within its minute counts up its row.
INSERT INTO person_act (merge, at, person, roles, member, act, object, outcome, reason, times) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (merge) DO UPDATE SET times = times + 1

-- name: person_acts
-- Newest first, before `:before`; of one person, one act, one outcome where they are named, between two moments.
SELECT * FROM person_act WHERE n < :before AND (:person = '' OR person = :person) AND (:act = '' OR act = :act)
  AND (:outcome = '' OR outcome = :outcome) AND at >= :since AND at < :until ORDER BY n DESC LIMIT :most

-- name: person_act_leaf_put
INSERT INTO person_act_leaf VALUES (?, ?, ?)

-- name: person_act_leaves
-- Of these audit rows, those that are leaves: where, what opens it, and the leaf.
SELECT p.merge, p.idx, p.secret, e.leaf FROM person_act_leaf p JOIN log_entry e ON e.idx = p.idx
WHERE p.merge IN (SELECT value FROM json_each(:merges))

-- name: person_acts_logged
-- What people did by its leaves, in order, each with its audit row where that is still there.
SELECT k.seq, k.idx, e.leaf, p.secret, a.* FROM log_key k JOIN log_entry e ON e.idx = k.idx
LEFT JOIN person_act_leaf p ON p.idx = k.idx LEFT JOIN person_act a ON a.merge = p.merge
WHERE k.scope = :scope AND k.seq > :after ORDER BY k.seq LIMIT :most

-- name: person_acts_unlogged
-- Audit rows of acts that are leaves, without one.
SELECT a.* FROM person_act a WHERE a.outcome = 'done' AND a.act IN (SELECT value FROM json_each(:acts)) AND a.n > :after
  AND NOT EXISTS (SELECT 1 FROM person_act_leaf p WHERE p.merge = a.merge) ORDER BY a.n LIMIT :most

-- name: saved_views
SELECT * FROM saved_view WHERE person = :person ORDER BY name LIMIT :most

-- name: saved_view_put
INSERT OR REPLACE INTO saved_view VALUES (?, ?, ?, ?)

-- name: saved_view_forget
DELETE FROM saved_view WHERE person = ? AND name = ?

-- name: sign_in_failures
SELECT * FROM sign_in_failure WHERE who = :who

-- name: sign_in_failure_put
-- A source, now twice, and twice since when failures still count.
INSERT INTO sign_in_failure VALUES (?, 1, ?, ?)
ON CONFLICT (who) DO UPDATE SET failures = CASE WHEN first_at > ? THEN failures + 1 ELSE 1 END,
                                first_at = CASE WHEN first_at > ? THEN first_at ELSE excluded.first_at END, last_at = excluded.last_at

-- name: sign_in_failures_forget
DELETE FROM sign_in_failure WHERE who = ? OR last_at < ?

-- name: transfer_counts_of_member
-- How many cases of one member stand in each state, in whatever part it has in them.
SELECT state, COUNT(*) AS n FROM transfer WHERE :member IN (source, accepting, facing) GROUP BY state ORDER BY state

-- name: flags_of_learners
-- Every flag of these learners; a row without a scope where there is none.
SELECT f.*, k.value AS asked, p.wrapped FROM json_each(:learners) k LEFT JOIN flag f ON f.learner = k.value
LEFT JOIN part_key p ON p.part_id = f.transfer ORDER BY f.set_at, f.scope

-- name: flag_shelves
SELECT * FROM flag_shelf WHERE learner IN (SELECT value FROM json_each(:learners))

-- name: flag_by_scope
SELECT f.*, p.wrapped FROM flag f LEFT JOIN part_key p ON p.part_id = f.transfer WHERE f.scope = :scope

-- name: flags_own
-- What a member set or appealed, or may have to rule on as presiding unit; newest change first.
SELECT f.*, p.wrapped FROM flag f LEFT JOIN part_key p ON p.part_id = f.transfer
WHERE (f.setter = :member OR f.appealed_by = :member OR f.state = 'escalated') AND (:before = '' OR f.changed_at || '|' || f.scope < :before)
ORDER BY f.changed_at DESC, f.scope DESC LIMIT :most

-- name: flag_put
INSERT OR REPLACE INTO flag VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: flag_shelf_put
INSERT OR REPLACE INTO flag_shelf VALUES (?, ?, ?)

-- name: flag_consent_put
INSERT OR REPLACE INTO flag_consent VALUES (?, ?, ?, ?, ?, ?)

-- name: flag_consent_by_scope
SELECT c.*, p.wrapped FROM flag_consent c LEFT JOIN part_key p ON p.part_id = c.scope WHERE c.scope = :scope

-- name: outcomes_of_source
-- The records that one learner brought from a source bank, with their outcomes' keys.
SELECT DISTINCT i.record, i.nf FROM transfer t JOIN item i ON i.transfer = t.id
WHERE t.learner = :learner AND t.source = :source AND i.nf <> '' ORDER BY i.record

-- name: cases_of_outcome
-- The cases in which one learner brought an outcome, newest first.
SELECT t.id FROM transfer t JOIN item i ON i.transfer = t.id WHERE t.learner = :learner AND i.nf = :nf ORDER BY t.opened_at DESC, t.id LIMIT 1

-- name: rebuild_transfers
-- Every case by id, a page at a time, for a rebuild to compare.
SELECT * FROM transfer WHERE id > :after ORDER BY id LIMIT :most

-- name: rebuild_outcomes
SELECT * FROM outcome WHERE nf > :after ORDER BY nf LIMIT :most

-- name: rebuild_enquiries
SELECT * FROM enquiry ORDER BY id

-- name: tally_add
-- One row a touched key and batch.
INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (measure, day, source, accepting, name)
DO UPDATE SET n = tally.n + excluded.n, credits = tally.credits + excluded.credits

-- name: tally_clear
DELETE FROM tally

-- name: tally_all
SELECT * FROM tally WHERE n <> 0 OR credits <> 0

-- name: tally_days
-- A measure's counts from one day to another, both included, by day.
SELECT day, source, accepting, name, n, credits FROM tally
WHERE measure = :measure AND day BETWEEN :first AND :last ORDER BY day, source, accepting, name

-- name: tally_sums
-- The same over all those days.
SELECT source, accepting, name, SUM(n) AS n, SUM(credits) AS credits FROM tally
WHERE measure = :measure AND day BETWEEN :first AND :last GROUP BY source, accepting, name ORDER BY source, accepting, name

-- name: tally_names
-- The same over all parties too.
SELECT name, SUM(n) AS n FROM tally WHERE measure = :measure AND day BETWEEN :first AND :last GROUP BY name ORDER BY name

-- name: heard_put
INSERT INTO heard VALUES (?, ?) ON CONFLICT (member) DO UPDATE SET at = excluded.at

-- name: heard_all
SELECT member, at FROM heard ORDER BY member

-- name: recount_cases
-- Every case, a page at a time.
SELECT * FROM transfer WHERE id > :after ORDER BY id LIMIT :most

-- name: recount_places
-- As much of these cases as the count of a leaf needs.
SELECT id, opened_at, source, accepting, programme, delivered_at, decided_at, settled_at FROM transfer
WHERE id IN (SELECT value FROM json_each(:ids))

-- name: recount_items
-- Items by the hour in which their case was opened (UTC), its pair and programme, and what they are.
SELECT substr(t.opened_at, 1, 13) AS hour, t.source, t.accepting, t.programme, i.kind, i.state, i.reason, COALESCE(i.credits, '0'), COUNT(*)
FROM item i JOIN transfer t ON t.id = i.transfer GROUP BY 1, 2, 3, 4, 5, 6, 7, 8

-- name: recount_issuers
-- Every item with the institution that issued it, from item (`:after`, `:position`) on, a page at a time.
SELECT i.transfer, i.position, substr(t.opened_at, 1, 13) AS hour, t.source, t.accepting, t.programme, i.kind, i.state,
       COALESCE(i.credits, '0') AS credits, i.issuer, p.wrapped
FROM item i JOIN transfer t ON t.id = i.transfer LEFT JOIN part_key p ON p.part_id = i.transfer
WHERE (i.transfer, i.position) > (:after, :position) ORDER BY i.transfer, i.position LIMIT :most

-- name: recount_answers
SELECT iss, substr(at, 1, 13) AS hour, status, COUNT(*) AS n, MAX(at) AS last FROM message GROUP BY 1, 2, 3

-- name: tally_standing
SELECT source, accepting, name, n FROM tally WHERE measure = 'standing' AND n <> 0

-- name: oldest_open
-- The case that has been open longest, probes apart; the states are those of the index, which else is passed over for a sort of all open ones.
SELECT id, opened_at, state, source, accepting FROM transfer INDEXED BY transfer_open
WHERE state IN ('confirming', 'delivering', 'reviewing', 'supplementing', 'posting', 'disputed', 'held')
  AND programme NOT LIKE 'CANARY-%'
  AND (:member = '' OR :member IN (source, accepting, facing)) ORDER BY opened_at LIMIT 1

-- name: transfers_page
-- Cases of one state by when they last moved, from a cursor (moment, id) on, newest first.  "" is any; `:turn` a member whose turn it
-- is, or `presiding`.
SELECT * FROM transfer INDEXED BY transfer_by_state
WHERE state = :state AND changed_at >= :since AND changed_at <= :until
  AND (changed_at, id) < (:cursor_at, :cursor_id)
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
ORDER BY changed_at DESC, id DESC LIMIT :most

-- name: transfers_page_back
-- The same the other way: what comes before the cursor, oldest first.
SELECT * FROM transfer INDEXED BY transfer_by_state
WHERE state = :state AND changed_at >= :since AND changed_at <= :until
  AND (changed_at, id) > (:cursor_at, :cursor_id)
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
ORDER BY changed_at, id LIMIT :most

-- name: transfers_by_opening
-- Cases of one state by when they were opened, newest first.
SELECT * FROM transfer INDEXED BY transfer_by_opening
WHERE state = :state AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (opened_at, id) < (:cursor_at, :cursor_id)
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND changed_at >= :since AND changed_at <= :until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
ORDER BY opened_at DESC, id DESC LIMIT :most

-- name: transfers_by_opening_back
-- The same the other way.
SELECT * FROM transfer INDEXED BY transfer_by_opening
WHERE state = :state AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (opened_at, id) > (:cursor_at, :cursor_id)
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND changed_at >= :since AND changed_at <= :until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
ORDER BY opened_at, id LIMIT :most

-- name: transfers_by_due
-- Cases that have a deadline, the earliest first; whatever is under way has its place in the index, and little else.
SELECT * FROM transfer INDEXED BY transfer_by_deadline
WHERE deadline IS NOT NULL AND (deadline, id) > (:cursor_at, :cursor_id) AND state IN (SELECT value FROM json_each(:states))
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND changed_at >= :since AND changed_at <= :until
  AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
ORDER BY deadline, id LIMIT :most

-- name: transfers_by_due_back
-- The same the other way.
SELECT * FROM transfer INDEXED BY transfer_by_deadline
WHERE deadline IS NOT NULL AND (deadline, id) < (:cursor_at, :cursor_id) AND state IN (SELECT value FROM json_each(:states))
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND changed_at >= :since AND changed_at <= :until
  AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
ORDER BY deadline DESC, id DESC LIMIT :most

-- name: transfers_count
-- How many there are of one state, up to a bound.
SELECT COUNT(*) AS n FROM (SELECT 1 FROM transfer
WHERE state = :state AND changed_at >= :since AND changed_at <= :until
  AND (:member = '' OR :member IN (source, accepting, facing)) AND (:seen_by = '' OR :seen_by IN (source, accepting, facing))
  AND (:held_from = '' OR held_from = :held_from)
  AND (:source = '' OR source = :source) AND (:accepting = '' OR accepting = :accepting)
  AND opened_at >= :opened_since AND opened_at <= :opened_until
  AND (:turn = '' OR (:turn = 'presiding' AND (state = 'held' OR (state = 'disputed' AND stage <> 'accepting')))
    OR (:turn = source AND (state IN ('confirming', 'supplementing') OR (state = 'posting' AND posted_source = '')))
    OR (:turn = accepting AND (state IN ('delivering', 'reviewing') OR (state = 'posting' AND posted_accepting = '')
        OR (state = 'disputed' AND stage = 'accepting') OR (state = 'settled' AND deadline IS NOT NULL))))
LIMIT :most)

-- name: transfers_by_prefix
SELECT * FROM transfer WHERE id >= :low AND id < :high ORDER BY id LIMIT :most

-- name: owed_depths
-- What each lane still owes, how old the oldest is, and what failed last, by lane and error.
SELECT lane, last_error, COUNT(*) AS n, MIN(created_at) AS since FROM owed WHERE state IN ('new', 'ready') GROUP BY lane, last_error

-- name: selection_put
INSERT OR REPLACE INTO selection VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: selections_by_token
SELECT * FROM selection WHERE token IN (SELECT value FROM json_each(:tokens))

-- name: selections_recent
-- Newest first.
SELECT * FROM selection ORDER BY made_at DESC, token LIMIT :most

-- name: timestamps_page
-- Newest first, below a size.
SELECT * FROM log_timestamp WHERE size < :below ORDER BY size DESC LIMIT :most

-- name: timestamp_put
INSERT OR REPLACE INTO log_timestamp VALUES (?, ?, ?, ?, ?, ?)

-- name: tally_report
-- A measure's counts by month over some days, with the head of the log they are of; one row without names where there are none.
SELECT h.size, h.root, h.at, t.month, t.source, t.accepting, t.name, t.n, t.credits FROM log_head h
LEFT JOIN (SELECT substr(day, 1, 7) AS month, source, accepting, name, SUM(n) AS n, SUM(credits) AS credits FROM tally
           WHERE measure = :measure AND day BETWEEN :first AND :last GROUP BY 1, 2, 3, 4) t ON t.n <> 0
WHERE h.one = 1 ORDER BY t.month, t.source, t.accepting, t.name

-- name: person_acts_before
SELECT COUNT(*) AS n FROM person_act WHERE at < :before

-- name: person_act_leaves_forget
-- Of the oldest so many; they go before their rows.
DELETE FROM person_act_leaf WHERE merge IN (SELECT merge FROM person_act WHERE at < ? ORDER BY n LIMIT ?)

-- name: person_acts_forget
DELETE FROM person_act WHERE n IN (SELECT n FROM person_act WHERE at < ? ORDER BY n LIMIT ?)

-- name: transfers_outlived
-- Cases that have not moved since `:before` and whose part is still there, from a cursor on, with what holds them; longest ago first.
SELECT t.id, t.state, t.changed_at, t.facing, COALESCE(f.held_at, '') AS held_at, COALESCE(f.held_until, '') AS held_until
FROM transfer t JOIN part_key p ON p.part_id = t.id LEFT JOIN fate f ON f.part_id = t.id
WHERE t.changed_at < :before AND (t.changed_at, t.id) > (:after_at, :after_id) ORDER BY t.changed_at, t.id LIMIT :most

-- name: rule_use_open
-- Of the cases under way that reached their accepting bank: how many came with an estimate by its rules, by programme.
SELECT t.accepting, t.programme, COUNT(*) AS cases, SUM(CASE WHEN p.sd <> '' THEN 1 ELSE 0 END) AS estimated
FROM transfer t LEFT JOIN proposal p ON p.transfer = t.id
WHERE t.state IN ('confirming', 'delivering', 'reviewing', 'supplementing', 'posting', 'disputed', 'held')
  AND t.delivered_at <> '' AND t.programme NOT LIKE 'CANARY-%'
GROUP BY t.accepting, t.programme ORDER BY t.accepting, t.programme

-- name: canary_cases
-- Probes of ours among the cases written last, newest first.  A case that moves is written anew, so the end of the table is the newest.
SELECT id, source, accepting, state, opened_at, settled_at, changed_at
FROM (SELECT * FROM transfer ORDER BY rowid DESC LIMIT :within) t
WHERE programme LIKE 'CANARY-%' ORDER BY opened_at DESC LIMIT :most

-- name: letter_note_put
INSERT INTO letter_note (jti, at, person, text) VALUES (?, ?, ?, ?)

-- name: letter_notes
SELECT * FROM letter_note WHERE jti = :jti ORDER BY n LIMIT :most

-- name: alerts
SELECT * FROM alert ORDER BY last_at DESC LIMIT :most

-- name: alerts_by_fingerprint
SELECT * FROM alert WHERE fingerprint IN (SELECT value FROM json_each(:fingerprints))

-- name: alert_put
INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: alerts_sent
SELECT COUNT(*) AS n FROM alert_sent WHERE target = :target AND at >= :since

-- name: alert_sent_put
INSERT INTO alert_sent (at, target, outcome) VALUES (?, ?, ?)

-- name: alerts_sent_forget
DELETE FROM alert_sent WHERE at < ?

-- name: transfers_of_learner
-- One learner's cases, newest first, from a cursor (moment, id) on.
SELECT t.*, p.wrapped FROM transfer t LEFT JOIN part_key p ON p.part_id = t.id
WHERE t.learner = :learner AND (t.opened_at, t.id) < (:before_at, :before_id) ORDER BY t.opened_at DESC, t.id DESC LIMIT :most

-- name: leaves_of_learner
-- The leaves of one learner's cases, questions and reads of flags, newest first, before an index.
SELECT k.scope, k.seq, k.idx, e.leaf FROM log_key k JOIN log_entry e ON e.idx = k.idx
WHERE k.idx < :before AND k.scope IN (
  SELECT id FROM transfer WHERE learner = :learner
  UNION SELECT id FROM enquiry WHERE learner = :learner
  UNION SELECT scope FROM flag_shelf WHERE learner = :learner
) ORDER BY k.idx DESC LIMIT :most
