"""How each member is doing, from what the gateway itself knows: when it was heard, what waits for it, what fails, its keys, its probes.

Not known here and therefore not told: the versions of a bank's own programs, and its clock (a message past its time is refused before
it is believed, and leaves no row).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from gateway.federation.members import Member
from gateway.federation.registry import TrustFile
from gateway.storage.database import Database
from gateway.transfers.latency import Spread, spread
from gateway.transfers.periods import Period
from gateway.transfers.tallies import Measure

WEEK_DAYS = 7
REFUSED_FROM = 400


@dataclass(frozen=True, slots=True)
class Probe:
    """The newest day on which a probe of ours towards this member was sent, and on which one settled; None: none in the period."""

    sent: date | None
    settled: date | None


@dataclass(frozen=True, slots=True)
class MemberHealth:
    """One member.  `breaker`: `open` (nobody answers there), `half_open` (one message at a time), `closed`; "" where it is not sent to.

    `answered`, `refused` are its messages of the last seven days and those of them answered with a refusal; `errors` what its lane's
    open messages failed with last, by code.
    """

    member: str
    status: str
    channel: str
    heard_at: datetime | None
    silent_for: timedelta | None
    lane_depth: int
    oldest_owed: timedelta | None
    errors: Mapping[str, int]
    breaker: str
    dead_letters: int
    answered: int
    refused: int
    key_days: int | None
    whole: Spread
    probe: Probe


async def member_health(
    database: Database, trust: TrustFile, now: datetime, breaker: Callable[[str], str] = lambda _member: ""
) -> tuple[MemberHealth, ...]:
    """Every member of the trust file, in its order.  Raises StorageError."""
    week, month = Period.ending(now, WEEK_DAYS), Period.ending(now, 30)
    heard = {str(row[0]): datetime.fromisoformat(row[1]) for row in await database.fetch("heard_all")}
    dead = {str(row[0]): int(row[1]) for row in await database.fetch("dead_letter_counts")}
    errors: dict[str, dict[str, int]] = {}
    oldest: dict[str, datetime] = {}
    for lane, error, n, since in await database.fetch("owed_depths"):
        errors.setdefault(lane, {})[error] = n
        began = datetime.fromisoformat(since)
        oldest[lane] = min(began, oldest.get(lane, began))
    answers: dict[str, dict[int, int]] = {}
    for member, _, status, n, _ in await database.fetch("tally_sums", measure=Measure.ANSWERED, **week.bounds()):
        answers.setdefault(member, {})[int(status)] = n
    whole: dict[str, dict[str, int]] = {}
    for _, member, bucket, n, _ in await database.fetch("tally_sums", measure=Measure.LEG_WHOLE, **month.bounds()):
        whole.setdefault(member, {})[bucket] = n
    probes = await _probes(database, month)
    found = []
    for member in trust.data.members:
        mine, own = errors.get(member.id, {}), answers.get(member.id, {})
        at = heard.get(member.id)
        found.append(
            MemberHealth(
                member=member.id,
                status=member.status.value,
                channel=member.channel.value,
                heard_at=at,
                silent_for=now - at if at else None,
                lane_depth=sum(mine.values()),
                oldest_owed=now - oldest[member.id] if member.id in oldest else None,
                errors={code: n for code, n in sorted(mine.items()) if code},
                breaker=breaker(member.id),
                dead_letters=dead.get(member.id, 0),
                answered=sum(own.values()),
                refused=sum(n for status, n in own.items() if status >= REFUSED_FROM),
                key_days=_key_days(member, now),
                whole=spread(whole.get(member.id, {})),
                probe=probes.get(member.id, Probe(None, None)),
            )
        )
    return tuple(found)


async def _probes(database: Database, period: Period) -> dict[str, Probe]:
    days: dict[tuple[str, str], date] = {}
    for day, _, accepting, name, _, _ in await database.fetch("tally_days", measure=Measure.CANARY, **period.bounds()):
        days[accepting, name] = date.fromisoformat(day)
    members = {member for member, _ in days}
    return {member: Probe(days.get((member, "submitted")), days.get((member, "settled"))) for member in members}


def _key_days(member: Member, now: datetime) -> int | None:
    """Whole days until its last valid key ends; None: it has none."""
    ends = [record.not_after - now for record in member.keys if record.valid(now)]
    return max(ends) // timedelta(days=1) if ends else None
