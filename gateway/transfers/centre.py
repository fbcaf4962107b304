"""What the centre's pages and a bank's own ones read, in one place: values, in codes, as of the last commit.

`seen_by` is the member whose operator looks; "" is the centre, who sees all.  The list of what people did is `people`'s, not here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.crypto.keys import SigningKey
from gateway.federation.registry import TrustFile
from gateway.model.ports import Clock, IdSource
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.transfers.answers import Answer
from gateway.transfers.case_deliveries import Delivery, deliveries
from gateway.transfers.case_detail import CaseDetail, case_detail, case_row
from gateway.transfers.centre_overview import FinalSize, Overview, overview
from gateway.transfers.failing import Failing, failing
from gateway.transfers.flows import Cause, Flows, causes, flows, kinds_of
from gateway.transfers.latency import Latency, latency
from gateway.transfers.latency_days import DaySpread, latency_days
from gateway.transfers.list_order import NEWEST, Order
from gateway.transfers.log_reading import LogReading
from gateway.transfers.member_health import MemberHealth, member_health
from gateway.transfers.milestones import Leg
from gateway.transfers.periods import Period
from gateway.transfers.report_manifest import Manifest, check_manifest, manifest_of, sign_manifest
from gateway.transfers.reports import Query, Report, report, report_at
from gateway.transfers.selections import Selections
from gateway.transfers.transfer_list import Filter, Page, count, neighbours, page
from gateway.transfers.trial import Trials
from gateway.transfers.unit_of_work import Change
from gateway.transfers.waiting_groups import LetterGroup, StuckGroup, letter_groups, stuck_groups


@dataclass(frozen=True, slots=True)
class Centre:
    """`breaker` tells how a member's lane is (`member_health`); `trust` the trust file in force."""

    database: Database
    reading: LogReading
    committer: Committer[Change, Answer]
    clock: Clock
    ids: IdSource
    trust: Callable[[], TrustFile]
    key: SigningKey
    finality: FinalSize | None = None
    breaker: Callable[[str], str] = lambda _member: ""
    trials: Trials | None = None

    @property
    def selections(self) -> Selections:
        """Bulk actions, over the same writer."""
        return Selections(self.database, self.committer, self.clock, self.ids, self.presiding)

    def presiding(self, parties: frozenset[str]) -> str | None:
        """Who presides over a case of these parties today."""
        return self.trust().presiding(self.clock.now(), parties)

    async def overview(self, seen_by: str = "") -> Overview:
        return await overview(self.database, self.clock.now(), self.trust().data.presiding, self.finality, seen_by)

    def last_days(self, days: int) -> Period:
        """The `days` up to today."""
        return Period.ending(self.clock.now(), days)

    async def flows(self, period: Period, compared: Period | None = None, seen_by: str = "") -> Flows:
        return await flows(self.database, period, compared, seen_by)

    async def latency(self, period: Period) -> Latency:
        return await latency(self.database, period)

    async def latency_days(self, period: Period, leg: Leg, member: str = "") -> tuple[DaySpread, ...]:
        """One leg's percentiles day by day, at one accepting member or ("") at all."""
        return await latency_days(self.database, period, leg, member)

    async def causes(self, period: Period, seen_by: str = "") -> tuple[Cause, ...]:
        """Why items of the cases opened in the period were closed or refused, most frequent first."""
        return causes(await kinds_of(self.database, period, seen_by))

    async def stuck(self, seen_by: str = "") -> tuple[StuckGroup, ...]:
        return await stuck_groups(self.database, self.clock.now(), seen_by)

    async def failing(self, seen_by: str = "") -> tuple[Failing, ...]:
        """Cases not held whose next message does not get through."""
        return await failing(self.database, self.clock.now(), seen_by)

    async def letters(self, seen_by: str = "") -> tuple[LetterGroup, ...]:
        return await letter_groups(self.database, seen_by)

    async def transfers(self, wanted: Filter, *, order: Order = NEWEST, cursor: str = "", back: bool = False, most: int = 50) -> Page:
        return await page(self.database, wanted, self.clock.now(), order=order, cursor=cursor, back=back, most=most)

    async def transfers_count(self, wanted: Filter) -> tuple[int, bool]:
        """How many, and whether that is all of them."""
        return await count(self.database, wanted, self.clock.now())

    async def case(self, transfer: str, wanted: Filter, order: Order = NEWEST) -> tuple[CaseDetail, str, str] | None:
        """The case, and the ones before and after it in the list it was opened from; None for one that `wanted.seen_by` may not see."""
        row = await case_row(self.database, transfer, wanted.seen_by)
        if row is None:
            return None
        now = self.clock.now()
        before, after = await neighbours(self.database, wanted, now, row, order)
        return await case_detail(self.database, self.reading, row, now), before, after

    async def deliveries(self, transfer: str, seen_by: str = "") -> tuple[Delivery, ...]:
        """What was sent in a case; to a bank what was sent to it.  For a case that `case` has shown."""
        return await deliveries(self.database, transfer, seen_by)

    async def members(self) -> tuple[MemberHealth, ...]:
        return await member_health(self.database, self.trust(), self.clock.now(), self.breaker)

    async def report(self, query: Query) -> tuple[Report, Manifest, str]:
        """The report, its manifest, and the gateway's signature over that."""
        made = await report(self.database, query)
        manifest = manifest_of(made)
        return made, manifest, sign_manifest(manifest, self.key)

    async def reproduce(self, manifest: Manifest, signature: str) -> Report | None:
        """The report of a manifest made again, byte for byte; None where that is not possible any more (`reports`).

        Raises TrustError for a signature that is not the gateway's.
        """
        trust = self.trust()
        gateway = trust.data.gateway
        check_manifest(manifest, signature, lambda kid: next((each.key for each in gateway.keys if each.kid == kid), None))
        made = await report_at(self.database, manifest.query, manifest.size, bytes.fromhex(manifest.root))
        return made if made is not None and manifest.fits(made) else None
