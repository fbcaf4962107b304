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
    CONSENT_ENDS = "consent ends"
    LEAF_CHANGED = "leaf changed"


AT_GATEWAY = frozenset({Kind.DIES_BEFORE_COMMIT, Kind.DIES_AFTER_COMMIT})
AT_BANK = frozenset(
    {Kind.PARTITION, Kind.BANK_DOWN, Kind.BANK_DIES_BEFORE_COMMIT, Kind.BANK_DIES_AFTER_COMMIT, Kind.CLOCK_SKEW, Kind.KEY_ROTATED,
     Kind.KEY_REVOKED, Kind.SUSPENDED}
)  # fmt: skip
WEIGHTS = {
    Kind.PARTITION: 3, Kind.BANK_DOWN: 2, Kind.DIES_BEFORE_COMMIT: 3, Kind.DIES_AFTER_COMMIT: 4, Kind.BANK_DIES_BEFORE_COMMIT: 3,
    Kind.BANK_DIES_AFTER_COMMIT: 4, Kind.DISK_FULL: 2, Kind.COMMIT_UNKNOWN: 3, Kind.DATABASE_BUSY: 2, Kind.CLOCK_SKEW: 3,
    Kind.KEY_ROTATED: 2, Kind.KEY_REVOKED: 2, Kind.SUSPENDED: 2,
}  # fmt: skip
"""How often each timed fault is drawn.  Ended consents and changed leaves are drawn by themselves."""
SKEWS_S = (-400.0, -90.0, -30.0, 30.0, 59.0, 90.0, 400.0)


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


def draw(chance: Random, hours: float) -> Plan:
    """A plan for a storm of about that many hours."""
    storm_s = hours * HOUR * (0.7 + chance.random() * 0.6)
    rough = chance.choice((0.0, 0.3, 1.0))
    weather = Weather(
        request_lost=0.15 * rough * chance.random(),
        reply_lost=0.3 * rough * chance.random(),
        twice=0.2 * rough * chance.random(),
        late=0.2 * rough * chance.random(),
        delay_s=chance.choice((0.05, 0.5, 3.0)),
        late_s=chance.choice((10.0, 120.0, 900.0)),
    )
    count = chance.randrange(2, 9)
    faults = sorted((_fault(chance, storm_s) for _ in range(count)), key=lambda fault: (fault.at, fault.kind, fault.who))
    return Plan(storm_s, weather, tuple(faults), chance.random() < 0.25, chance.random() < 0.3)


def _fault(chance: Random, storm_s: float) -> Fault:
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
            lasts = chance.choice((1.0, 1.0, 6.0, 12.0, 72.0)) * HOUR
        case Kind.CLOCK_SKEW:
            amount = chance.choice(SKEWS_S)
        case Kind.DATABASE_BUSY | Kind.COMMIT_UNKNOWN | Kind.DISK_FULL:
            amount = float(chance.randrange(1, 5))
        case Kind.KEY_ROTATED | Kind.KEY_REVOKED:
            amount = chance.choice((0.0, 5.0, 60.0, HOUR))
        case _:
            pass
    return Fault(at, kind, who, lasts, amount, who == GATEWAY and chance.random() < 0.75)
