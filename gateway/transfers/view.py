"""The rows one batch works on, in memory, between the reads and the writes of its transaction.

A change sees what earlier changes of the same batch did.  A change that refuses leaves no rows
but its own answer; since refusals are found before anything is put, no savepoint is needed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from gateway.storage.alert_rows import AlertRow
from gateway.storage.database import Row, UnreadError, Write
from gateway.storage.handover_row import HandoverRow
from gateway.storage.part_rows import ContentLineRow, FateRow
from gateway.storage.people_rows import ActLeafRow
from gateway.storage.rows import (
    AgreementRow,
    ConsentRow,
    ContentRow,
    DifferenceRow,
    EnquiryRow,
    ItemRow,
    KeyRow,
    MemberRow,
    MessageRow,
    OutcomeRow,
    OwedRow,
    PartKeyRow,
    ProposalRow,
    ReconciliationRow,
    RuleRow,
    StatementRow,
    TransferRow,
)
from gateway.storage.selection_row import SelectionRow
from gateway.transfers.flag_book import FlagBook
from gateway.transfers.tallies import Tallies

ENDED_OWED = frozenset({"done", "cancelled"})


@dataclass(frozen=True, slots=True)
class Wants:
    """What a change needs to see.  Items, open messages and outcomes of the named transfers come along."""

    messages: tuple[tuple[str, str], ...] = ()
    transfers: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    consents: tuple[tuple[str, str], ...] = ()
    enquiries: tuple[str, ...] = ()
    learners: tuple[tuple[str, str, str], ...] = ()
    """`(learner, source, accepting)` whose earlier items a cap may be about."""
    statements: tuple[str, ...] = ()
    fates: tuple[str, ...] = ()
    """Parts about whose keeping something is ordered."""
    flags: tuple[str, ...] = ()
    """Learners (pseudonyms) whose integrity flags this is about."""
    reconciling: str = ""
    """The member whose state digest, and open differences, this is about."""
    selections: tuple[str, ...] = ()
    handovers: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    """Scopes whose next number is wanted, where no row of their own holds it."""


@dataclass(slots=True)
class LeafDraft:
    """A leaf and where it stands."""

    index: int
    scope: str
    seq: int
    iss: str
    jti: str
    n: int
    data: bytes


class Brought(NamedTuple):
    """One item that a learner brought; `opened_at` is its case's."""

    transfer: str
    opened_at: str
    state: str
    kind: str
    credits: str | None
    awarded: str | None


def _brought(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Brought]]:
    """By `(learner, source, accepting)`; empty for one who brought nothing."""
    found: dict[tuple[str, str, str], list[Brought]] = {}
    for learner, source, accepting, transfer, *item in rows:
        items = found.setdefault((learner, source, accepting), [])
        if transfer is not None and item[1] is not None:
            items.append(Brought(transfer, *item))
    return found


@dataclass(frozen=True, slots=True)
class RegistryRows:
    """Members, keys, agreements and rule versions as of one head, and the last number given in each lane.

    They change only together with leaves, so an unmoved head vouches for them; numbers have a fence of their own.
    """

    members: Mapping[str, MemberRow]
    keys: Mapping[str, KeyRow]
    lanes: Mapping[str, int]
    agreements: Mapping[str, AgreementRow] = field(default_factory=dict)
    rules: Mapping[str, RuleRow] = field(default_factory=dict)

    @classmethod
    def load(cls, rows: Mapping[str, list[Row]]) -> "RegistryRows":
        members = {row[0]: MemberRow(*row) for row in rows["members_all"]}
        keys = {row[0]: KeyRow(*row) for row in rows["keys_all"]}
        agreements = {row[0]: AgreementRow(*row) for row in rows["agreements_all"]}
        rules = {row[0]: RuleRow(*row) for row in rows["rules_all"]}
        return cls(members, keys, {row[0]: row[1] for row in rows["lanes_all"]}, agreements, rules)


@dataclass(slots=True)
class View:
    """Rows by key, and what was changed.  `at` is the batch's moment, never before the head's."""

    at: datetime
    at_text: str
    size: int
    members: dict[str, MemberRow]
    keys: dict[str, KeyRow]
    messages: dict[tuple[str, str], MessageRow]
    transfers: dict[str, TransferRow]
    items: dict[str, tuple[ItemRow, ...]]
    owed: dict[str, list[OwedRow]]
    outcomes: dict[str, OutcomeRow]
    consents: dict[tuple[str, str], ConsentRow]
    enquiries: dict[str, EnquiryRow] = field(default_factory=dict)
    statements: dict[str, StatementRow] = field(default_factory=dict)
    reconciling: dict[str, ReconciliationRow] = field(default_factory=dict)
    differences: dict[tuple[str, ...], DifferenceRow] = field(default_factory=dict)
    proposals: dict[str, ProposalRow] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    """The last number given in each lane."""
    agreements: Mapping[str, AgreementRow] = field(default_factory=dict)
    """By scope.  Replaced, never changed: who holds the same object holds the same agreements."""
    rules: Mapping[str, RuleRow] = field(default_factory=dict)
    """Versions of rule sets, by scope, without their bytes.  Replaced, never changed."""
    brought: dict[tuple[str, str, str], list[Brought]] = field(default_factory=dict)
    unread: set[tuple[str, str, str]] = field(default_factory=set)
    """Whose earlier items turned out to be needed."""
    flags: FlagBook = field(default_factory=FlagBook)
    fates: dict[str, FateRow] = field(default_factory=dict)
    leaves: list[LeafDraft] = field(default_factory=list)
    lanes: set[str] = field(default_factory=set)
    tallies: Tallies = field(default_factory=Tallies)
    selections: dict[str, SelectionRow] = field(default_factory=dict)
    handovers: dict[str, HandoverRow] = field(default_factory=dict)
    alerts: dict[str, AlertRow] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    """The last number in each scope of `Wants.scopes`, -1 where it has none."""
    _new_messages: list[MessageRow] = field(default_factory=list)
    _contents: list[ContentRow] = field(default_factory=list)
    _part_keys: list[PartKeyRow] = field(default_factory=list)
    _changed: dict[str, dict[object, Row]] = field(default_factory=dict)
    _numbers_before: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, rows: Mapping[str, list[Row]], registry: "RegistryRows", at: datetime, at_text: str) -> "View":
        """From the rows of `reads_for`, by query name."""

        def read(name: str) -> list[Row]:
            return rows.get(name, [])

        by_transfer: dict[str, list[ItemRow]] = {}
        for row in read("items_by_transfer"):
            by_transfer.setdefault(row[0], []).append(ItemRow(*row))
        waiting: dict[str, list[OwedRow]] = {}
        for row in read("owed_by_transfer"):
            waiting.setdefault(row[2], []).append(OwedRow(*row))
        return cls(
            at=at,
            at_text=at_text,
            size=rows["head"][0][0],
            members=dict(registry.members),
            keys=dict(registry.keys),
            messages={(row[0], row[1]): MessageRow(*row) for row in read("messages_by_key")},
            transfers={row[0]: TransferRow(*row) for row in read("transfers_by_id")},
            items={key: tuple(found) for key, found in by_transfer.items()},
            owed=waiting,
            outcomes={row[0]: OutcomeRow(*row) for row in (*read("outcomes_by_transfer"), *read("outcomes_by_key"))},
            consents={(row[1], row[0]): ConsentRow(*row) for row in read("consents_by_key")},
            enquiries={row[0]: EnquiryRow(*row) for row in read("enquiries_by_id")},
            statements={row[0]: StatementRow(*row) for row in read("statements_by_id")},
            reconciling={row[0]: ReconciliationRow(*row) for row in read("reconciliations_by_member")},
            differences={tuple(row[:4]): DifferenceRow(*row) for row in read("differences_open")},
            selections={row[0]: SelectionRow(*row) for row in read("selections_by_token")},
            alerts={row[0]: AlertRow(*row) for row in read("alerts_by_fingerprint")},
            seqs=dict(read("log_seqs_of_scopes")),
            handovers={row[0]: HandoverRow(*row) for row in read("handovers_by_scope")},
            proposals={row[0]: ProposalRow(*row) for row in read("proposals_by_transfer")},
            numbers=dict(registry.lanes),
            agreements=registry.agreements,
            rules=registry.rules,
            brought=_brought(read("items_of_learners")),
            fates={row[0]: FateRow(*row) for row in read("fates_by_part")},
            flags=FlagBook.load(read("flags_of_learners"), read("flag_shelves")),
            _numbers_before=registry.lanes,
        )

    @property
    def next_index(self) -> int:
        """The index the next leaf gets."""
        return self.size + len(self.leaves)

    def next_seq(self, scope: str) -> int:
        """The next number in a scope of `Wants.scopes`, which is given with that."""
        self.seqs[scope] += 1
        return self.seqs[scope]

    def add_message(self, row: MessageRow) -> None:
        self.messages[row.iss, row.jti] = row
        self._new_messages.append(row)
        self.tallies.answered(row.iss, row.at, row.status)
        self._put("heard_put", row.iss, (row.iss, row.at))

    def put_transfer(self, row: TransferRow) -> None:
        self.tallies.moved(self.transfers.get(row.id), row)
        self.transfers[row.id] = row
        self._put("transfer_put", row.id, row)

    def put_items(self, transfer: str, rows: Sequence[ItemRow]) -> None:
        before = self.items.get(transfer, ())
        self.items[transfer] = tuple(rows)
        for row in rows:
            if row not in before:
                old = next((each for each in before if each.position == row.position), None)
                self.tallies.item_changed(self.transfers[transfer], old, row)
                self._put("item_put", (transfer, row.position), row)

    def put_outcome(self, row: OutcomeRow) -> None:
        self.outcomes[row.nf] = row
        self._put("outcome_put", row.nf, row)

    def put_owed(self, row: OwedRow) -> None:
        """Add or change an owed message; its lane is woken after the commit.  One that is new gets its lane's next number."""
        rows = self.owed.setdefault(row.transfer, [])
        for place, old in enumerate(rows):
            if old.jti == row.jti:
                if old.state in ENDED_OWED and row.state not in ENDED_OWED:  # owed once more, with all the time of a new one
                    row = row._replace(first_at="", dead_since="")
                rows[place] = row
                break
        else:
            row = row._replace(seq=self.numbers.get(row.lane, 0) + 1)
            self.numbers[row.lane] = row.seq
            rows.append(row)
        self.lanes.add(row.lane)
        self._put("owed_put", row.jti, row)
        self._line_up(rows, row.lane)

    def _line_up(self, rows: list[OwedRow], lane: str) -> None:
        """Whoever is first in the lane now: from here on its horizon runs."""
        line = [(each.number, place) for place, each in enumerate(rows) if each.lane == lane and each.state not in ENDED_OWED]
        first = min(line, default=None)
        if first is not None and not rows[first[1]].first_at:
            rows[first[1]] = row = rows[first[1]]._replace(first_at=self.at_text)
            self._put("owed_put", row.jti, row)

    def put_consent(self, row: ConsentRow) -> None:
        self.consents[row.controller, row.id] = row
        self._put("consent_put", (row.controller, row.id), row)

    def put_enquiry(self, row: EnquiryRow) -> None:
        self.enquiries[row.id] = row
        self._put("enquiry_put", row.id, row)

    def put_statement(self, row: StatementRow) -> None:
        self.statements[row.id] = row
        self._put("statement_put", row.id, row)

    def put_proposal(self, row: ProposalRow) -> None:
        self.proposals[row.transfer] = row
        self._put("proposal_put", row.transfer, row)

    def put_selection(self, row: SelectionRow) -> None:
        self.selections[row.token] = row
        self._put("selection_put", row.token, row)

    def put_handover(self, row: HandoverRow) -> None:
        self.handovers[row.scope] = row
        self._put("handover_put", row.scope, row)

    def put_alert(self, row: AlertRow) -> None:
        self.alerts[row.fingerprint] = row
        self._put("alert_put", row.fingerprint, row)

    def put_person_act(self, row: Row, leaf: ActLeafRow) -> None:
        """`row`: as `person_act_put` takes it."""
        self._put("person_act_put", leaf.merge, row)
        self._put("person_act_leaf_put", leaf.merge, leaf)

    def add_note(self, key: str, row: Row) -> None:
        """A note on a dead letter; `key` is the note's own."""
        self._put("letter_note_put", key, row)

    def put_reconciling(self, row: ReconciliationRow) -> None:
        self.reconciling[row.member] = row
        self._put("reconciliation_put", row.member, row)

    def put_difference(self, row: DifferenceRow) -> None:
        self.differences[row[:4]] = row
        self._put("difference_put", row[:4], row)

    def forget(self, scope: str) -> None:
        """Drop the contents of a state digest, and their key."""
        self._put("contents_forget", scope, (scope,))
        self._put("part_key_forget", scope, (scope,))

    def put_fate(self, row: FateRow) -> None:
        self.fates[row.part_id] = row
        self._put("fate_put", row.part_id, row)

    def destroy(self, part: str) -> None:
        """The part's key, and with it whatever is sealed under it; the sealed bytes go too, for they are of no more use."""
        for statement in ("part_key_forget", "contents_blank", "content_lines_blank", "proposal_forget", "differences_forget"):
            self._put(statement, part, (part,))

    def put_agreement(self, row: AgreementRow) -> None:
        self.agreements = {**self.agreements, row.scope: row}
        self._put("agreement_put", row.scope, row)

    def put_rule(self, row: RuleRow, document: bytes | None = None) -> None:
        """`document`: the file of a version that is new."""
        self.rules = {**self.rules, row.scope: row}
        self._put("rule_put", row.scope, row)
        if document is not None:
            self._put("rule_document_put", row.scope, (row.scope, document))

    def brought_by(self, learner: tuple[str, str, str], but: str) -> list[Brought]:
        """The items of one `(learner, source, accepting)` in all cases but `but`, as they are now.  Raises UnreadError."""
        if learner not in self.brought:
            self.unread.add(learner)
            raise UnreadError
        found = [item for item in self.brought[learner] if item.transfer not in self.transfers and item.transfer != but]
        for row in self.transfers.values():
            if (row.learner, row.source, row.accepting) == learner and row.id != but:
                items = self.items.get(row.id, ())
                found += [Brought(row.id, row.opened_at, each.state, each.kind, each.credits, each.awarded) for each in items]
        return found

    def put_member(self, row: MemberRow) -> None:
        self.members[row.member] = row
        self._put("member_put", row.member, row)

    def put_key(self, row: KeyRow) -> None:
        self.keys[row.kid] = row
        self._put("key_put", row.kid, row)

    def put_contents(self, rows: Sequence[ContentRow], lines: Sequence[ContentLineRow] = ()) -> None:
        self._contents.extend(rows)
        for line in lines:
            self._put("content_line_put", line[:4], line)

    def put_part_key(self, row: PartKeyRow) -> None:
        self._part_keys.append(row)

    def _put(self, statement: str, key: object, row: Row) -> None:
        self._changed.setdefault(statement, {})[key] = row

    def writes(self, size: int) -> list[Write]:
        """Everything but tiles and head.  `size` is the log's after the batch: answers that a leaf proves are stored with it."""
        messages = [row if row.leaf is None else row._replace(size=size) for row in self._new_messages]
        named: list[tuple[str, Sequence[Row]]] = [
            ("message_add", messages),
            ("part_key_put", self._part_keys),
            ("content_put", self._contents),
            *((statement, list(rows.values())) for statement, rows in (*self._changed.items(), *self.flags.changed.items())),
            ("tally_add", self.tallies.rows()),
            ("log_entry_add", [(leaf.index, leaf.data) for leaf in self.leaves]),
            ("log_key_add", [(leaf.scope, leaf.seq, leaf.iss, leaf.jti, leaf.n, leaf.index) for leaf in self.leaves]),
        ]
        before = self._numbers_before
        given = [(lane, seq, before.get(lane, 0)) for lane, seq in sorted(self.numbers.items()) if seq != before.get(lane, 0)]
        fence = [Write("lane_move", given, hits=len(given))] if given else []
        return [*fence, *(Write(statement, rows) for statement, rows in named if rows)]


def totals_text(totals: Mapping[str, str]) -> str:
    """The totals column: JSON, keys sorted."""
    return json.dumps(dict(totals), sort_keys=True)
