"""One learner's cases as that learner reads them: what was brought, what was proposed, what was decided, and why, in plain words.

Nothing is opened before the case is known to be the learner's.  What is personal comes from the sealed contents, and from nowhere else:
where they are erased, states, credits and reasons are left.  The sentences are those the banks get: the estimate's, the decision's, and
the working of the policy that gave the regional credits.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeAlias

from gateway.crypto.digests import salted_digest
from gateway.errors import ErasedError, GatewayError
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.declaration import FIELDS
from gateway.mapping.documents import read
from gateway.mapping.engine import Mapper, size_of
from gateway.mapping.policy import steps
from gateway.mapping.regional_xml import read_loss, read_part
from gateway.mapping.schema import Standard
from gateway.model.documents import Decision, DecisionItem, Request
from gateway.model.regional import Loss, RegionalRecord
from gateway.model.transfer import ItemState
from gateway.recognition.proposal import CONTENT as PROPOSAL
from gateway.recognition.proposal import Proposal, Proposed, read_proposal
from gateway.recognition.words import Words
from gateway.storage.database import Database
from gateway.storage.part_rows import FateRow
from gateway.storage.rows import ItemRow, ProposalRow, TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.log_reading import LogReading
from gateway.transfers.transfer_list import Listed, listed
from gateway.transfers.vault import Vault

Stored: TypeAlias = Mapping[tuple[str, str, str], Content]
VOID: Final = frozenset({ItemState.RECALLING, ItemState.RECALLED})
READ: Final = "record.read"
NOTHING: Final = Words("", "")
REASONS: Final = {"closed": "closed_reason", "refused": "decision_reason", "recognised": "decision_reason"}
"""By an item's state the table that its reason is a code of."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A case in a list.  `programme` is its name as the learner applied for it, the code where that is erased (`erased_at`)."""

    case: Listed
    programme: str
    provisional: bool
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Estimated:
    """What the accepting bank's published rules would make of a record.  `rules`: set and version; `why`: the steps beyond `working`."""

    item: Proposed
    rules: tuple[str, str]
    why: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class LossLine:
    """A source value that has no plain counterpart: `name` of its field ("" where the standard has none), what became of it, and why."""

    path: str
    name: Words
    fate: Words
    reason: Words
    value: str


@dataclass(frozen=True, slots=True)
class OneItem:
    """One record.  `declared` are the source's own credits, `credits` the regional ones after mapping; None where there are none.

    `reason` is the words of why it stands as it does, `decided_for` those of the decision's own reason, `decided_text` what the bank wrote.
    """

    number: int
    kind: str
    state: str
    contested: bool
    reason: Words | None
    credits: Decimal | None
    awarded: str | None
    record: str = ""
    title: str = ""
    issuer: str = ""
    declared: Decimal | None = None
    working: tuple[Words, ...] = ()
    estimated: Estimated | None = None
    decided: DecisionItem | None = None
    decided_for: Words | None = None
    decided_text: Words | None = None
    losses: tuple[LossLine, ...] = ()


@dataclass(frozen=True, slots=True)
class OneCase:
    """`leaf` is the index of the case's last act, `seq` its number in the case's scope; `final` how many leaves a quorum has cosigned.

    `first` are the first arrivals in review, decision and settlement.  `departure` is why the decision is another one than the estimate,
    in the bank's words.  `void`: something that was recognised has been revoked since.
    """

    brief: Brief
    items: tuple[OneItem, ...]
    first: tuple[datetime | None, datetime | None, datetime | None]
    departure: str
    losses: tuple[LossLine, ...]
    leaf: int
    seq: int
    final: int
    void: bool

    @property
    def is_final(self) -> bool:
        return self.leaf < self.final


@dataclass(frozen=True, slots=True)
class _Papers:
    """What the sealed contents say, as far as they can be read; nothing once they are erased."""

    records: Mapping[str, RegionalRecord] = field(default_factory=dict)
    losses: tuple[Loss, ...] = ()
    decision: Decision | None = None
    proposal: Proposal | None = None


class LearnerCases:
    """Reads as of the last commit.  `final` tells how many leaves are final."""

    def __init__(
        self,
        database: Database,
        reading: LogReading,
        vault: Vault,
        standard: Standard,
        mapper: Mapper,
        final: Callable[[], Awaitable[int]],
    ) -> None:
        self._database = database
        self._reading = reading
        self._vault = vault
        self._standard = standard
        self._mapper = mapper
        self._final = final

    async def briefs(self, rows: Sequence[TransferRow], now: datetime) -> list[Brief]:
        """For rows that are known to be one learner's."""
        erased = await self._erased(row.id for row in rows)
        return [Brief(listed(row, now), await self._programme(row), bool(row.provisional), erased.get(row.id)) for row in rows]

    async def whole(self, row: TransferRow, now: datetime) -> OneCase:
        """For a row that is known to be the learner's.  Raises StorageError, TransferLogError."""
        (brief,) = await self.briefs([row], now)
        ids = json.dumps([row.id])
        items = [ItemRow(*each) for each in await self._database.fetch("items_by_transfer", ids=ids)]
        papers = await self._papers(row)
        leaves = [(seq, index, parse_leaf(raw).type) for seq, index, raw in await self._reading.scope(row.id)]
        seq, index, _ = next(each for each in reversed(leaves) if each[2] != READ)
        firsts = (_moment(row.delivered_at), _moment(row.decided_at), _moment(row.settled_at))
        return OneCase(
            brief=brief,
            items=tuple(self._item(number, each, papers) for number, each in enumerate(items, 1)),
            first=firsts,
            departure=papers.decision.departure if papers.decision is not None else "",
            losses=self._losses(papers, ""),
            leaf=index,
            seq=seq,
            final=await self._final(),
            void=any(each.state in VOID for each in items),
        )

    async def _erased(self, ids: Iterable[str]) -> dict[str, datetime]:
        rows = [FateRow(*row) for row in await self._database.fetch("fates_by_part", ids=json.dumps(list(ids)))]
        return {row.part_id: datetime.fromisoformat(row.erased_at) for row in rows if row.erased_at}

    async def _programme(self, row: TransferRow) -> str:
        try:
            (content,) = await self._vault.some_of(row.id, [(row.iss, row.jti, "request")])
            return read(content.data, Request, self._standard).programme_name or row.programme
        except (GatewayError, KeyError):
            return row.programme

    async def _papers(self, row: TransferRow) -> _Papers:
        try:
            stored = await self._vault.all_of(row.id)
        except ErasedError:
            return _Papers()
        regional, loss = stored.get((GATEWAY_ID, row.id, "regional")), stored.get((GATEWAY_ID, row.id, "loss"))
        decided = stored.get((row.accepting, row.decision_jti, "decision"))
        decision = read(decided.data, Decision, self._standard) if decided is not None else None
        part = read_part(regional.data, self._standard) if regional is not None else None
        return _Papers(
            {record.record_id: record for record in part.records} if part is not None else {},
            read_loss(loss.data, self._standard).losses if loss is not None else (),
            decision,
            await self._proposal(row, stored, decision),
        )

    async def _proposal(self, row: TransferRow, stored: Stored, decision: Decision | None) -> Proposal | None:
        """The estimate that the decision names, or before one, what was delivered last."""
        if decision is not None:
            wanted = decision.estimate
        else:
            rows = await self._database.fetch("proposals_by_transfer", ids=json.dumps([row.id]))
            wanted = ProposalRow(*rows[0]).sd if rows else ""
        made = [each for (iss, _, name), each in stored.items() if (iss, name) == (GATEWAY_ID, PROPOSAL)]
        found = next((each for each in made if wanted and salted_digest(each.secret, each.data) == wanted), None)
        return read_proposal(found.data) if found is not None else None

    def _item(self, number: int, row: ItemRow, papers: _Papers) -> OneItem:
        record = papers.records.get(row.record)
        values = record.values if record is not None else {}
        decided = next((each for each in papers.decision.items if each.record == row.record), None) if papers.decision else None
        declared = size_of(values)[0]
        working = self._working(record) if record is not None else ()
        return OneItem(
            number=number,
            kind=row.kind,
            state=row.state,
            contested=bool(row.contested),
            reason=self._words(REASONS.get(row.state, "closed_reason"), row.reason),
            credits=None if row.credits is None else Decimal(row.credits),
            awarded=row.awarded,
            record=row.record,
            title=str(values.get("title", "")),
            issuer=str(values.get("issuer.name", "")),
            declared=declared,
            working=working,
            estimated=_estimated(papers.proposal, row.record, working),
            decided=decided,
            decided_for=self._words("decision_reason", decided.reason) if decided is not None else None,
            decided_text=_text(decided),
            losses=self._losses(papers, row.record) if record is not None else (),
        )

    def _losses(self, papers: _Papers, record: str) -> tuple[LossLine, ...]:
        """Those of one record; of the part as a whole for ""."""
        return tuple(self._loss(loss) for loss in papers.losses if loss.record == record)

    def _loss(self, loss: Loss) -> LossLine:
        known = FIELDS.get(loss.path)
        name = Words(known.zh, known.en) if known is not None else NOTHING
        fate, reason = self._words("fate", loss.fate.value), self._words("loss_reason", loss.reason)
        return LossLine(loss.path, name, fate or NOTHING, reason or NOTHING, loss.value)

    def _working(self, record: RegionalRecord) -> tuple[Words, ...]:
        """Why the record has the regional credits it has, by the policy that gave them; nothing where it is no longer known."""
        name = str(record.values.get("size.policy", ""))
        policy = self._mapper.policies.by_id.get(name)
        if policy is None or record.credits is None:
            return ()
        found = self._mapper.policies.work(name, str(record.values["kind"]), *size_of(record.values))
        return tuple(Words(zh, en) for zh, en in zip(steps(found, policy, "zh"), steps(found, policy, "en"), strict=True))

    def _words(self, table: str, code: str) -> Words | None:
        """A code in words; the code itself where the table has it no more."""
        entry = self._mapper.codes.lookup(table, code) if code else None
        return Words(entry.zh, entry.en or entry.zh) if entry is not None else Words(code, code) if code else None


def _estimated(proposal: Proposal | None, record: str, working: Sequence[Words]) -> Estimated | None:
    item = proposal.items.get(record) if proposal is not None else None
    if proposal is None or item is None:
        return None
    told = next(each["why"] for each in proposal.estimate["items"] if each["record"] == record)
    why = [Words(str(each["zh"]), str(each["en"])) for each in told]
    return Estimated(item, proposal.rules, tuple(each for each in why if each not in working and each.zh not in item.words.zh))


def _text(decided: DecisionItem | None) -> Words | None:
    """In the one language where the bank wrote in one only."""
    if decided is None or not (decided.text_zh or decided.text_en):
        return None
    return Words(decided.text_zh or decided.text_en, decided.text_en or decided.text_zh)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
