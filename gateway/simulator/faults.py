"""What goes wrong in a run, drawn from its seed before anything begins.

Two kinds: chances that each message meets (`Weather`), and events at a time (`Fault`).  For a write both
halves exist: failed and not done, failed but done.  What a fault does is done elsewhere (`network`,
`hosts`, `registrar`, `scenario`); here is only what, when and to whom.
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from gateway.simulator.people import MEMBERS

HOUR = 3600.0
GATEWAY = "gateway"


class Kind(StrEnum):
    """Every fault there is."""

    PARTITION = "partition"
    BANK_DOWN = "bank down"
    DIES_BEFORE_COMMIT = "dies before commit"
    DIES_AFTER_COMMIT = "dies after commit, before reply"
    BANK_DIES_BEFORE_COMMIT = "bank dies before commit"
    BANK_DIES_AFTER_COMMIT = "bank dies after commit"
    DISK_FULL = "disk full"
    COMMIT_UNKNOWN = "commit done but reported as failed"
    DATABASE_BUSY = "database busy"
    CLOCK_SKEW = "clock skew"
    KEY_ROTATED = "key rotated"
    KEY_REVOKED = "key revoked"
    SUSPENDED = "member suspended"
    CLOCK_JUMP = "gateway's clock jumps"
    TABLES_BEHIND = "code table a version behind"
    FORGETS = "bank loses what it acknowledged"
    CONSENT_ENDS = "consent ends"
    LEAF_CHANGED = "leaf changed"


AT_GATEWAY = frozenset({Kind.DIES_BEFORE_COMMIT, Kind.DIES_AFTER_COMMIT, Kind.CLOCK_JUMP})
AT_BANK = frozenset(
    {Kind.PARTITION, Kind.BANK_DOWN, Kind.BANK_DIES_BEFORE_COMMIT, Kind.BANK_DIES_AFTER_COMMIT, Kind.CLOCK_SKEW, Kind.KEY_ROTATED,
     Kind.KEY_REVOKED, Kind.SUSPENDED, Kind.TABLES_BEHIND}
)  # fmt: skip
WEIGHTS = {
    Kind.PARTITION: 3, Kind.BANK_DOWN: 2, Kind.DIES_BEFORE_COMMIT: 3, Kind.DIES_AFTER_COMMIT: 4, Kind.BANK_DIES_BEFORE_COMMIT: 3,
    Kind.BANK_DIES_AFTER_COMMIT: 4, Kind.DISK_FULL: 2, Kind.COMMIT_UNKNOWN: 3, Kind.DATABASE_BUSY: 2, Kind.CLOCK_SKEW: 3,
    Kind.KEY_ROTATED: 2, Kind.KEY_REVOKED: 2, Kind.SUSPENDED: 2, Kind.CLOCK_JUMP: 2, Kind.TABLES_BEHIND: 2,
}  # fmt: skip
"""How often each timed fault is drawn.  Ended consents and changed leaves are drawn by themselves."""
SKEWS_S = (-400.0, -90.0, -30.0, 30.0, 59.0, 90.0, 400.0)


@dataclass(frozen=True, slots=True)
class Tempo:
    """How slowly a run goes: hours, in which few deadlines pass, or weeks, in which most do.  All times in virtual seconds.

    `looks_s`: how often idle processes look and poll; `waits_s`: how long people pause; `lies_s`: how long files lie about;
    `down_s`: how long banks are down; `longest_s` the longest pause between tries; `acknowledge_s` before a message that arrived is
    sent again; `rounds_s` how often the gateway looks at trust file and deadlines; `ends_s`: everything must end that soon after the storm.
    `known_s`: between which moments the holidays of the next year become known, where they were not; `aims`: how many people wait
    for one thing (`conduct.AIMS`).
    """

    storm_s: float
    looks_s: tuple[float, ...]
    waits_s: tuple[float, ...]
    lies_s: tuple[float, ...]
    down_s: tuple[float, ...]
    longest_s: float
    acknowledge_s: float
    rounds_s: tuple[float, float]
    watch_s: float
    ends_s: float
    cases: tuple[int, int]
    acts_max: int
    known_s: tuple[float, float]
    aims: float


DAY = 24 * HOUR
HOURS = Tempo(
    storm_s=10 * HOUR, looks_s=(300.0, 900.0, 1800.0), waits_s=(60.0, HOUR, 3 * HOUR), lies_s=(0.0, 0.0, 600.0, 2 * HOUR),
    down_s=(HOUR, HOUR, 6 * HOUR, 12 * HOUR, 72 * HOUR), longest_s=600.0, acknowledge_s=60.0, rounds_s=(30.0, 1800.0), watch_s=900.0,
    ends_s=8 * DAY, cases=(5, 10), acts_max=4,
    known_s=(0.5 * HOUR, 6 * HOUR), aims=0.0,
)  # fmt: skip
WEEKS = Tempo(
    storm_s=50 * DAY, looks_s=(3 * HOUR, 6 * HOUR), waits_s=(HOUR, DAY, 3 * DAY, 6 * DAY),
    lies_s=(0.0, 0.0, 0.0, 0.0, DAY, 8 * DAY, 30 * DAY),
    down_s=(HOUR, 6 * DAY, 8 * DAY, 12 * DAY, 28 * DAY), longest_s=6 * HOUR, acknowledge_s=6 * HOUR, rounds_s=(1800.0, 2 * HOUR),
    watch_s=8 * HOUR, ends_s=30 * DAY, cases=(8, 13), acts_max=20, known_s=(1 * DAY, 36 * DAY), aims=0.75,
)  # fmt: skip
JUMPS_S = (-400.0, -61.0, 61.0, 400.0, 2 * HOUR)
WEEKS_EVERY = 5
"""One seed in so many runs for weeks."""


def tempo_of(seed: int) -> Tempo:
    return WEEKS if seed % WEEKS_EVERY == 0 else HOURS


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` and `lasts` in virtual seconds; `amount` is a skew in seconds, commits to spoil, or the wait before a key is used.

    `leaves_only`: what strikes a commit of the gateway waits for one that writes to the transfer log.
    """

    at: float
    kind: Kind
    who: str
    lasts: float
    amount: float = 0.0
    leaves_only: bool = False


@dataclass(frozen=True, slots=True)
class Weather:
    """What each message may meet, as chances, and how long messages are under way (seconds)."""

    request_lost: float
    reply_lost: float
    twice: float
    late: float
    delay_s: float
    late_s: float


FAIR = Weather(0.0, 0.0, 0.0, 0.0, 0.2, 0.2)


@dataclass(frozen=True, slots=True)
class Plan:
    """A run: how long it storms, what happens in it, whether a learner's consent ends meanwhile, whether a leaf is changed at the end."""

    storm_s: float
    weather: Weather
    faults: tuple[Fault, ...]
    consent_ends: bool
    leaf_changed: bool
    holidays_known_at: float | None
    """When the holiday table of the next year is put in; such a run begins in December."""
    away: Fault | None = None
    """The bank that is away for long: some apply there just then."""


def draw(chance: Random, tempo: Tempo) -> Plan:
    """A plan for a storm of about the tempo's length."""
    storm_s = tempo.storm_s * (0.7 + chance.random() * 0.6)
    rough = chance.choice((0.0, 0.3, 1.0))
    weather = Weather(
        request_lost=0.15 * rough * chance.random(),
        reply_lost=0.3 * rough * chance.random(),
        twice=0.2 * rough * chance.random(),
        late=0.2 * rough * chance.random(),
        delay_s=chance.choice((0.05, 0.5, 3.0)),
        late_s=chance.choice((10.0, 120.0, 900.0)),
    )
    count = chance.randrange(2, 9) + 3 * (tempo is WEEKS)
    faults = sorted((_fault(chance, storm_s, tempo) for _ in range(count)), key=_order)
    ends, changed = chance.random() < 0.25, chance.random() < 0.3
    away = None
    if tempo is WEEKS:  # long enough for what is owed to be held, and not for it to expire
        away = Fault(
            chance.uniform(0.1, 0.4) * storm_s, Kind.BANK_DOWN, chance.choice(MEMBERS), chance.choice((9 * DAY, 9 * DAY, 22 * DAY))
        )
        faults = sorted([*faults, away], key=_order)
    first, last = tempo.known_s
    known_at = first + (last - first) * chance.random() if chance.random() < 0.4 else None
    lost = [Fault((0.3 + 0.7 * chance.random()) * storm_s, Kind.FORGETS, chance.choice(MEMBERS), 0.0) for _ in range(chance.randrange(3))]
    return Plan(storm_s, weather, (*faults, *lost), ends, changed, known_at, away)


def _order(fault: Fault) -> tuple[float, Kind, str]:
    return fault.at, fault.kind, fault.who


def _fault(chance: Random, storm_s: float, tempo: Tempo) -> Fault:
    kind = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    at = chance.random() * storm_s * 0.9
    if kind in AT_GATEWAY:
        who = GATEWAY
    elif kind in AT_BANK:
        who = chance.choice(MEMBERS)
    else:
        who = chance.choice((GATEWAY, GATEWAY, *MEMBERS))
    lasts = chance.choice((20.0, 600.0, 4 * HOUR))
    amount = 0.0
    match kind:
        case Kind.BANK_DOWN:
            lasts = chance.choice(tempo.down_s)
        case Kind.CLOCK_SKEW:
            amount = chance.choice(SKEWS_S)
        case Kind.CLOCK_JUMP:
            amount = chance.choice(JUMPS_S if tempo is HOURS else (*JUMPS_S, 4 * DAY))
        case Kind.DATABASE_BUSY | Kind.COMMIT_UNKNOWN | Kind.DISK_FULL:
            amount = float(chance.randrange(1, 5))
        case Kind.KEY_ROTATED | Kind.KEY_REVOKED:
            amount = chance.choice((0.0, 5.0, 60.0, HOUR))
        case _:
            pass
    return Fault(at, kind, who, lasts, amount, who == GATEWAY and chance.random() < 0.75)
