"""Four small banks: a ledger in the bank's own words, learners with accounts, a way of deciding, a book of postings.

How a bank decides hangs on the programme applied for, as in life: one programme takes everything,
one takes a part and says why, one refuses, one lets the file lie until somebody signs it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from gateway.adapters.contract import RegionAdapter
from gateway.client.bank import Account, Booked, OpenItem, ReceivedCase, Supply
from gateway.client.parts import select
from gateway.errors import RecordError
from gateway.model.documents import Decision, DecisionItem, Identity, Request, Verdict, Withdrawal
from gateway.model.local import PartManifest
from gateway.model.ports import Clock
from gateway.model.units import Credits
from gateway.simulator.ledgers import PERIOD, Entry, write_feed
from gateway.simulator.people import ANHUI, Learner

UNIT = "credit"
KEPT_BACK = Decimal("1.0")
"""What the strict programme keeps back of each course: a module that has to be taken here."""


class Programme(StrEnum):
    """Programmes of every bank, and how each is decided."""

    OPEN = "120209"
    STRICT = "120204"
    CLOSED = "630302"
    SLOW = "120401"


PROGRAMME_NAMES: Mapping[Programme, str] = {
    Programme.OPEN: "行政管理(专升本)",
    Programme.STRICT: "会计学(专升本)",
    Programme.CLOSED: "大数据与会计(专科)",
    Programme.SLOW: "公共事业管理(专升本)",
}


@dataclass(frozen=True, slots=True)
class Posted:
    """A booking.  `credits` are the regional credits it recognises, `awarded` what this bank booked."""

    transfer: str
    role: str
    reference: str
    awarded: Decimal


class SimulatedBank:
    """Implements `gateway.client.bank.Bank`.  `settings` of its adapter are the gateway's own."""

    def __init__(self, member: str, adapter: RegionAdapter, clock: Clock) -> None:
        self.member = member
        self._adapter = adapter
        self._clock = clock
        self._ledger: dict[str, tuple[Learner, list[Entry]]] = {}
        self._enrolled: dict[str, str] = {}
        self._unreachable: set[str] = set()
        self.signed = False
        self.posted: dict[tuple[str, str], Posted] = {}
        self.ended: dict[str, str] = {}
        self.decided: dict[str, Decision] = {}

    # -- the bank's own affairs --

    def enter(self, learner: Learner, entries: Iterable[Entry]) -> None:
        """Write achievements into the ledger."""
        self._ledger.setdefault(learner.citizen_id, (learner, []))[1].extend(entries)

    def enrol(self, learner: Learner) -> None:
        """Give the learner an account here."""
        self._enrolled[learner.citizen_id] = learner.accounts[self.member]

    def review(self, learner: Learner) -> None:
        """Put the learner's file under review: this bank will not confirm it for the time being."""
        self._unreachable.add(learner.citizen_id)

    def feed(self, learner: Learner) -> bytes:
        """The learner's file as the bank's own system writes it."""
        return write_feed(self.member, *self._ledger[learner.citizen_id])

    def record_ids(self, learner: Learner) -> tuple[str, ...]:
        """Stable ids of the learner's sound records, in the order of the file."""
        part = self._adapter.split(self.feed(learner), self._manifest(), {}).parts[0]
        read = self._adapter.parse(part.content, part.manifest)
        return tuple(record.record_id for record in read.records)

    def quarantined_rows(self) -> int:
        """Damaged lines that the connector keeps back here."""
        feeds = (self._adapter.split(self.feed(learner), self._manifest(), {}) for learner, _ in self._ledger.values())
        return sum(len(feed.quarantined) for feed in feeds)

    def _manifest(self) -> PartManifest:
        return PartManifest(PERIOD if self.member == ANHUI else "")

    def part(self, learner: Learner, wanted: Iterable[str]) -> Supply:
        """The part that travels.  Raises RecordError where none of the wanted records is there."""
        part = self._adapter.split(self.feed(learner), self._manifest(), {}).parts[0]
        return select(self._adapter, part, frozenset(wanted), learner.accounts[self.member])

    # -- what the connector asks --

    def account_of(self, request: Request, identity: Identity) -> Account:
        del request
        account = self._enrolled.get(identity.citizen_id, "")
        return Account(account) if account else Account(none_reason="no_account")

    def supply(self, request: Request, identity: Identity) -> Supply | Withdrawal:
        found = self._ledger.get(identity.citizen_id)
        if found is None:
            return Withdrawal("unknown_person", "本行没有该学习者")
        if identity.citizen_id in self._unreachable:
            return Withdrawal("record_under_review", "该学习者的记录正在核查")
        try:
            return self.part(found[0], request.records)
        except RecordError:
            return Withdrawal("unknown_record", "本行没有所申请的记录")

    def decide(self, case: ReceivedCase) -> Decision | None:
        programme = Programme(case.request.programme_code)
        if programme is Programme.SLOW and not self.signed:
            return None
        if case.transfer not in self.decided:
            items = tuple(_judge(programme, place, item) for place, item in enumerate(case.items))
            self.decided[case.transfer] = Decision(programme.value, self._clock.now().replace(microsecond=0), "认定办公室", items)
        return self.decided[case.transfer]

    def post(self, transfer: str, role: str, decision: Decision) -> Booked:
        recognised = [item for item in decision.items if item.verdict is Verdict.RECOGNISED]
        if (transfer, role) not in self.posted:
            reference = f"{self.member}-{len(self.posted) + 1:05d}"
            awarded = sum((item.credits.value for item in recognised), Decimal(0))
            self.posted[transfer, role] = Posted(transfer, role, reference, awarded)
        return Booked(self.posted[transfer, role].reference, tuple(item.record for item in recognised))

    def told(self, transfer: str, event: str) -> None:
        self.ended[transfer] = event


def _judge(programme: Programme, place: int, item: OpenItem) -> DecisionItem:
    size = item.credits if item.credits is not None else Decimal(0)
    match programme:
        case Programme.CLOSED:
            return _refused(item, "not_in_programme", "与本专业无关", "not part of this programme")
        case Programme.STRICT if place:
            return _refused(item, "category_cap_reached", "该类成果已达上限", "the cap of its category is reached")
        case Programme.STRICT if size > KEPT_BACK:
            zh, en = f"{size} 学分中认定 {size - KEPT_BACK},其余须在本校修读", f"{size - KEPT_BACK} of {size}; the rest is to be taken here"
            return _recognised(item, size - KEPT_BACK, "recognised_in_part", zh, en)
        case _ if item.kind in {"SKILL_CERT", "QUAL_CERT"}:
            return _recognised(item, size, "certificate_relation", "按证书与课程对应关系认定", "by the relation of certificate and course")
        case _:
            return _recognised(item, size, "content_equivalent", "内容等效,予以认定", "the content is equivalent")


def _recognised(item: OpenItem, size: Decimal, reason: str, zh: str, en: str) -> DecisionItem:
    return DecisionItem(
        item.record, Verdict.RECOGNISED, Credits(size), format(size, "f"), UNIT, "", reason, "sandbox-1", zh, en
    )  # fmt: skip


def _refused(item: OpenItem, reason: str, zh: str, en: str) -> DecisionItem:
    return DecisionItem(item.record, Verdict.REFUSED, Credits(Decimal(0)), "", "", "", reason, "sandbox-1", zh, en)
