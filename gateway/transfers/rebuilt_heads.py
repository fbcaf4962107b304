"""The second half of a rebuild's comparison: the outcome ledger, and the head of every scope that is no transfer.

Agreements, versions of rules, handovers, consents, enquiries, statements, members, keys: a head is what its leaves left it in.
"""

import json
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from typing import Any, Final

from gateway.model.scopes import consent_scope
from gateway.storage.database import Read
from gateway.storage.handover_row import HandoverRow
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.storage.rows import AgreementRow, ConsentRow, EnquiryRow, KeyRow, MemberRow, OutcomeRow, RuleRow, StatementRow
from gateway.transferlog.leaf import Leaf
from gateway.transferlog.rebuild import Outcome, Rebuild, Scope, key_of
from gateway.transfers.claims import live_claims
from gateway.transfers.rebuilt import NO_LEAF, NO_ROW, PAGE, Comparison, ReadLeaf

ALL: Final = 2**62
READ: Final = "record.read"


def compare_outcomes(database: ReadOnlyDatabase, rebuilt: Rebuild, read: ReadLeaf, told: Comparison) -> None:
    """Table `outcome`: who holds what."""
    seen: set[bytes] = set()
    for row in _outcomes(database):
        told.count("outcome")
        key = key_of(row.nf)
        seen.add(key)
        outcome = rebuilt.outcomes.get(key)
        if outcome is None or not (outcome.state or outcome.void):
            told.tell("outcome", row.nf, "nf", NO_LEAF, row.nf)
            continue
        (_contested if outcome.contested else _held)(row, outcome, rebuilt, read, told)
        named = rebuilt.scope(row.nf)
        told.tell("outcome", row.nf, "seq", named.count if named else 0, row.seq)
    for key, outcome in rebuilt.outcomes.items():
        if outcome.state and key not in seen:
            told.tell("outcome", _name(outcome, key, rebuilt, read), "nf", outcome.state, NO_ROW)


def _outcomes(database: ReadOnlyDatabase) -> Iterable[OutcomeRow]:
    after = ""
    while page := database.rows(Read("rebuild_outcomes", {"after": after, "most": PAGE})):
        yield from (OutcomeRow(*row) for row in page)
        after = page[-1][0]


def _held(row: OutcomeRow, outcome: Outcome, rebuilt: Rebuild, read: ReadLeaf, told: Comparison) -> None:
    """An outcome of which one case at a time had a claim: everything about it is known."""
    if row.state == "revoked" and not row.holder and outcome.void:
        return
    told.tell("outcome", row.nf, "state", outcome.state, row.state)
    told.tell("outcome", row.nf, "claims", "", row.claims)
    if key_of(row.holder) != outcome.holder if row.holder else outcome.holder:
        told.tell("outcome", row.nf, "holder", _scope_name(outcome.holder, rebuilt, read), row.holder)
    if outcome.leaf >= 0:
        told.tell("outcome", row.nf, "leaf", outcome.leaf, row.leaf)
    if outcome.holder:
        told.tell("outcome", row.nf, "source", read(rebuilt.scopes[outcome.holder].first).facts.get("source", ""), row.source)


def _contested(row: OutcomeRow, outcome: Outcome, rebuilt: Rebuild, read: ReadLeaf, told: Comparison) -> None:
    """Claims of two learners met: whoever is named as holder or claimant has an item of it, and everyone whose item counts is named."""
    holders = outcome.holders()
    named = {key_of(claim.transfer) for claim in live_claims(row)} | ({key_of(row.holder)} if row.holder else set())
    if row.state == "revoked" and outcome.void and not row.claims:
        return
    wrong = named - outcome.cases.keys()
    missing = holders - named
    if wrong or missing or (row.state == "redeemed" and not row.holder) or (row.state == "available" and row.holder):
        names = sorted(_scope_name(case, rebuilt, read) for case in holders)
        told.tell("outcome", row.nf, "claims", " ".join(names) or "-", f"{row.state} {row.holder} {row.claims}")


def _scope_name(key: bytes, rebuilt: Rebuild, read: ReadLeaf) -> str:
    return read(rebuilt.scopes[key].first).scope if key else ""


def _name(outcome: Outcome, key: bytes, rebuilt: Rebuild, read: ReadLeaf) -> str:
    """The outcome's own name, out of a leaf that has it."""
    for case in outcome.cases:
        for _, nf, _ in read(rebuilt.scopes[case].case).items:
            if nf and key_of(nf) == key:
                return nf
    return key.hex()


def compare_heads(database: ReadOnlyDatabase, rebuilt: Rebuild, read: ReadLeaf, told: Comparison) -> None:
    """Every other table whose rows are heads of scopes."""
    heads = _Heads(database, rebuilt, read, told)
    agreements = [AgreementRow(*row) for row in database.rows(Read("agreements_all", {}))]
    heads.each("agreement", ((row.scope, row, _agreement) for row in agreements))
    rules = [RuleRow(*row) for row in database.rows(Read("rules_all", {}))]
    heads.each("rule_version", ((row.scope, row, _rule) for row in rules))
    handovers = [HandoverRow(*row) for row in database.rows(Read("handovers_all", {}))]
    heads.each("handover", ((row.scope, row, _handover) for row in handovers))
    words: dict[str, str | int] = {"source": "", "accepting": "", "period": "", "most": ALL}
    statements = [StatementRow(*row) for row in database.rows(Read("statements_all", words))]
    heads.each("statement", ((row.id, row, _statement) for row in statements))
    consents = (ConsentRow(*row) for row in database.rows(Read("consents_of", {"controller": "", "after": "", "most": ALL})))
    named = ((consent_scope(row.controller, row.id), row) for row in consents if row.seq)
    heads.each("consent", ((scope, row, partial(_consent, erased=rebuilt.erased(scope))) for scope, row in named))
    enquiries = (EnquiryRow(*row) for row in database.rows(Read("rebuild_enquiries", {})))
    heads.each("enquiry", ((row.id, row, _enquiry) for row in enquiries))
    members = (MemberRow(*row) for row in database.rows(Read("members_all", {})))
    heads.each("member", ((row.member, row, _member) for row in members))
    keys = (KeyRow(*row) for row in database.rows(Read("keys_all", {})))
    heads.each("member_key", ((row.kid, row, _key) for row in keys))
    heads.missing()


HEADS: Final = {
    "agreement": "agreement",
    "rule": "rule_version",
    "presiding": "handover",
    "statement": "statement",
    "consent": "consent",
    "enquiry": "enquiry",
    "record": "enquiry",
    "member": "member",
    "key": "member_key",
}
"""The first word of a scope's first leaf type to the table its head stands in."""


class _Heads:
    def __init__(self, database: ReadOnlyDatabase, rebuilt: Rebuild, read: ReadLeaf, told: Comparison) -> None:
        self._database = database
        self._rebuilt = rebuilt
        self._read = read
        self._told = told
        self._seen: set[int] = set()

    def each(self, table: str, rows: Iterable[tuple[str, Any, Callable[[Any, Scope, Leaf, Leaf, Comparison, ReadLeaf], None]]]) -> None:
        """Each row against its scope's leaves."""
        for name, row, check in rows:
            self._told.count(table)
            scope = self._rebuilt.scope(name)
            if scope is None:
                self._told.tell(table, name, "scope", NO_LEAF, name)
                continue
            self._seen.add(scope.first)
            check(row, scope, self._read(scope.first), self._read(scope.last), self._told, self._read)

    def missing(self) -> None:
        """Scopes of these kinds without a row."""
        for scope in self._rebuilt.scopes.values():
            if scope.case >= 0 or scope.first in self._seen:
                continue
            first = self._read(scope.first)
            table = HEADS.get(first.type.partition(".")[0])
            if first.type == READ and not first.envelope:
                continue  # a read by itself, of flags or of evidence: only what a bank asks opens an enquiry
            if table is not None and first.actor:
                self._told.tell(table, first.scope, "scope", first.scope, NO_ROW)


def _agreement(row: AgreementRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del first, read
    facts = last.facts
    log: dict[str, object] = {name: facts[name] for name in ("source", "accepting", "suspended_by")}
    log |= {"id": facts["agreement"], "state": last.state_after, "seq": scope.count, "changed_at": last.at, "leaf": scope.last}
    log["versions" if last.type == "agreement.proposed" else "version"] = facts["version"]
    told.all("agreement", row.scope, log, row)


def _rule(row: RuleRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del read
    log: dict[str, object] = {"state": last.state_after, "seq": scope.count, "proposed_at": first.at, "changed_at": last.at}
    log |= {"proposer": first.actor, "leaf": scope.last}
    log |= {name: first.facts[name] for name in ("version", "accepting", "digest", "effective", "review") if name in first.facts}
    if "approvals" in last.facts:
        log["approvals"] = last.facts["approvals"]
    told.all("rule_version", row.scope, log, row)


def _handover(row: HandoverRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del read
    facts = first.facts
    log: dict[str, object] = {"outgoing": facts["outgoing"], "ended_until": facts["ended"], "incoming": facts["incoming"]}
    log |= {name: facts[name] for name in ("log_size", "log_root")}
    log |= {"begun_since": facts["begun"], "state": last.state_after, "seq": scope.count, "handed_at": first.at, "handed_leaf": scope.first}
    countersigned = last.type == "presiding.accepted"
    log |= {"accepted_at": last.at if countersigned else "", "accepted_leaf": scope.last if countersigned else -1}
    told.all("handover", row.scope, log, row)
    told.tell("handover", row.scope, "document", facts["digest"], sha256(row.document).hexdigest())
    told.tell("handover", row.scope, "duties", facts["open"], sum(json.loads(row.duties).values()))


def _statement(row: StatementRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del last
    log: dict[str, object] = {name: first.facts[name] for name in ("source", "accepting", "period")}
    told.all("statement", row.id, log | {"seq": scope.count}, row)
    if not 0 <= row.leaf <= scope.last:
        told.tell("statement", row.id, "leaf", scope.last, row.leaf)
        return
    issued = read(row.leaf)  # of the present revision: its words come after it
    if issued.scope != row.id or issued.type != "statement.issued":
        told.tell("statement", row.id, "leaf", scope.last, row.leaf)
        return
    said = {"revision": issued.facts["revision"], "size": issued.facts["size"], "issued_at": issued.at, "jti": issued.jti}
    told.all("statement", row.id, {**said, "sd": issued.content[0][1]}, row)


def _consent(row: ConsentRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf, *, erased: bool) -> None:
    del read
    state = "erased" if erased else "withdrawn" if last.type == "consent.withdrawn" else "given"
    log: dict[str, object] = {"seq": scope.count, "state": state}
    if first.type == "consent.given":
        log |= {"recipient": first.facts["recipient"], "until": first.facts["until"]}
    told.all("consent", consent_scope(row.controller, row.id), {**log, "controller": first.actor}, row)


def _enquiry(row: EnquiryRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del read
    log: dict[str, object] = {"iss": first.iss, "jti": first.jti, "source": first.facts["asked"], "state": last.state_after}
    log |= {"seq": scope.count, "opened_at": first.at, "deadline": last.deadline, "leaf": scope.last}
    log |= {name: last.facts[name] for name in ("records", "as_of") if name in last.facts}
    told.all("enquiry", row.id, log, row)


def _member(row: MemberRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del read
    status = {"member.suspended": "suspended", "member.resumed": "active"}.get(last.type, first.facts.get("status"))
    told.all("member", row.member, {"status": status, "seq": scope.count}, row)


def _key(row: KeyRow, scope: Scope, first: Leaf, last: Leaf, told: Comparison, read: ReadLeaf) -> None:
    del read
    until = scope.last if last.type == "key.revoked" else None
    told.all("member_key", row.kid, {"member": first.facts["owner"], "log_from": scope.first, "log_until": until}, row)
