"""Four small banks: a ledger in the bank's own words, learners with accounts, a way of deciding, a book of postings.

How a bank decides hangs on the programme applied for, as in life: one programme takes everything,
one takes a part and says why, one refuses, one lets the file lie until somebody signs it, and one
follows the estimate by the bank's own published rules.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from gateway.adapters.contract import RegionAdapter
from gateway.client.bank import Account, Booked, Held, OpenItem, ReceivedCase, Supply
from gateway.client.parts import select
from gateway.client.proposed import by_proposal, explained
from gateway.errors import RecordError
from gateway.model.dates import PartialDate
from gateway.model.documents import Decision, DecisionItem, Enquiry, Identity, Listing, Request, Verdict, Withdrawal
from gateway.model.local import PartManifest
from gateway.model.ports import Clock
from gateway.model.units import Credits
from gateway.simulator.ledgers import CHINA, PERIOD, Entry, write_feed
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
    BY_RULES = "DEMO-P-KJ"


PROGRAMME_NAMES: Mapping[Programme, str] = {
    Programme.OPEN: "行政管理(专升本)",
    Programme.STRICT: "会计学(专升本)",
    Programme.CLOSED: "大数据与会计(专科)",
    Programme.SLOW: "公共事业管理(专升本)",
    Programme.BY_RULES: "会计(专科,演示数据)",
}


@dataclass(frozen=True, slots=True)
class Posted:
    """A booking: `credits` by record, as far as they are recognised."""

    transfer: str
    role: str
    reference: str
    credits: Mapping[str, Decimal]

    @property
    def awarded(self) -> Decimal:
        """What this bank booked in all."""
        return sum(self.credits.values(), Decimal(0))


@dataclass(frozen=True, slots=True)
class Mood:
    """How a bank's people take one question about one case: at once, or so much later, and how often in another way than usual.

    `otherwise` is how many times they ask back, uphold, or cannot book, before they do what they were asked.
    """

    after: timedelta = timedelta(0)
    otherwise: int = 0


AT_ONCE = Mood()
Moods: TypeAlias = Callable[[str, str], Mood]
"""Transfer and question (`decide`, `dispute`, `post source`, `post accepting`, `recall`) to mood."""
TAKEN_BACK = frozenset({"remitted", "rejected", "withdrawn", "expired"})
"""What happens to a case after which nothing of it stays booked."""


class SimulatedBank:
    """Implements `gateway.client.bank.Bank`.  `settings` of its adapter are the gateway's own."""

    def __init__(self, member: str, adapter: RegionAdapter, clock: Clock, moods: Moods = lambda _transfer, _question: AT_ONCE) -> None:
        self.member = member
        self._adapter = adapter
        self._clock = clock
        self._moods = moods
        self._ledger: dict[str, tuple[Learner, list[Entry]]] = {}
        self._enrolled: dict[str, str] = {}
        self._unreachable: set[str] = set()
        self._made: dict[tuple[str, str, tuple[OpenItem, ...]], Decision] = {}
        self._booked: dict[tuple[str, str], Decision] = {}
        self._first_asked: dict[tuple[str, str], datetime] = {}
        self._otherwise: Counter[tuple[str, str]] = Counter()
        self._references = 0
        self.signed = False
        self.people_decide = False
        """The policy that no case is decided but by a person, on the bank's own console; `left_to_people` are single cases of that kind."""
        self.left_to_people: set[str] = set()
        self.posted: dict[tuple[str, str], Posted] = {}
        self.recalls: dict[str, set[str]] = {}
        self.ended: dict[str, str] = {}
        self.doubtful: dict[str, dict[str, str]] = {}
        self.listings: dict[str, Listing] = {}
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

    def correct(self, learner: Learner) -> None:
        """A score in the learner's file was wrong: each one is a point more than before (and 70 after 99)."""
        who, entries = self._ledger[learner.citizen_id]
        self._ledger[learner.citizen_id] = who, [replace(entry, score=entry.score + 1 if entry.score < 99 else 70) for entry in entries]

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

    def held(self, enquiry: Enquiry, identity: Identity) -> Held | Withdrawal:
        """A bank of files has its last sheet, dated; the others know today's."""
        del enquiry
        found = self._ledger.get(identity.citizen_id)
        if found is None:
            return Withdrawal("unknown_person", "本行没有该学习者")
        if identity.citizen_id in self._unreachable:
            return Withdrawal("record_under_review", "该学习者的记录正在核查")
        as_of = PartialDate.from_iso(PERIOD).latest() if self.member == ANHUI else self._clock.now().astimezone(CHINA).date()
        return Held(as_of, next(iter(self._adapter.split(self.feed(found[0]), self._manifest(), {}).parts), None))

    def listed(self, enquiry: str, listing: Listing) -> None:
        self.listings[enquiry] = listing

    def decide(self, case: ReceivedCase) -> Decision | Withdrawal | None:
        if self.people_decide or case.transfer in self.left_to_people:
            return None
        question = "dispute" if case.state == "disputed" else "decide"
        own = Programme(case.request.programme_code)
        programme = _turned(own) if question == "dispute" else own
        if (own is Programme.SLOW and not self.signed) or self._lies(case.transfer, question):
            return None
        if self._does_otherwise(case.transfer, question):
            return Withdrawal("other", "维持原认定" if question == "dispute" else "请补充考核材料")
        if self.ended.get(case.transfer) == "outcome_taken":
            programme = Programme.CLOSED
        key = case.transfer, f"{question} {programme}", case.items
        if key not in self._made:
            proposed = by_proposal(case.proposal, case.items) if programme is Programme.BY_RULES else None
            items = proposed or tuple(_judge(programme, place, item) for place, item in enumerate(case.items))
            now = self._clock.now().replace(microsecond=0)
            made = Decision(case.request.programme_code, now, "认定办公室", items, departure="本行另行评定")
            self._made[key] = explained(made, case.proposal)
        self.decided[case.transfer] = self._made[key]
        return self._made[key]

    def post(self, transfer: str, role: str, decision: Decision) -> Booked | Withdrawal | None:
        recognised = [item for item in decision.items if item.verdict is Verdict.RECOGNISED]
        question = f"post {role}"
        if self._booked.get((transfer, role)) != decision:
            if self._lies(transfer, question):
                return None
            if role == "accepting" and self._does_otherwise(transfer, question):
                return Withdrawal("course_unknown", "目标课程不存在")
            self._references += 1
            self._booked[transfer, role] = decision
            gone = self.recalls.get(transfer, set()) if role == "accepting" else set[str]()
            sizes = {item.record: item.credits.value for item in recognised if item.record not in gone}
            self.posted[transfer, role] = Posted(transfer, role, f"{self.member}-{self._references:05d}", sizes)
        return Booked(self.posted[transfer, role].reference, tuple(item.record for item in recognised))

    def recalled(self, transfer: str, records: Sequence[str]) -> Booked | None:
        if self._lies(transfer, "recall"):
            return None
        gone = self.recalls.setdefault(transfer, set())
        gone.update(records)
        booked = self.posted.get((transfer, "accepting"))
        if booked is not None:
            left = {record: size for record, size in booked.credits.items() if record not in gone}
            self.posted[transfer, "accepting"] = replace(booked, credits=left)
        return Booked(f"{self.member}-R{transfer[:8]}", tuple(records))

    def edition(self) -> str:
        """Never another one: in the sandbox people say themselves what they correct."""
        return ""

    def gone(self, request: Request, identity: Identity) -> dict[str, str]:
        found = self._ledger.get(identity.citizen_id)
        here = self.record_ids(found[0]) if found is not None else ()
        return {record: "unknown_record" for record in request.records if record not in here}

    def doubts(self, transfer: str, records: Mapping[str, str]) -> None:
        self.doubtful[transfer] = dict(records)

    def told(self, transfer: str, event: str) -> None:
        self.ended[transfer] = event
        if event in TAKEN_BACK:
            for role in ("source", "accepting"):
                self.posted.pop((transfer, role), None)
                self._booked.pop((transfer, role), None)

    def _lies(self, transfer: str, question: str) -> bool:
        """Whether the file lies about still."""
        now = self._clock.now()
        since = self._first_asked.setdefault((transfer, question), now)
        return not self.signed and now < since + self._moods(transfer, question).after

    def _does_otherwise(self, transfer: str, question: str) -> bool:
        self._otherwise[transfer, question] += 1
        return self._otherwise[transfer, question] <= self._moods(transfer, question).otherwise


def _turned(programme: Programme) -> Programme:
    """On second thought: what was refused is taken in part, and what was taken is refused."""
    return Programme.STRICT if programme is Programme.CLOSED else Programme.CLOSED


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
