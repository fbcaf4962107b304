"""What the sandbox's page shows and turns: values, and the one seam through which it acts.

Only the sandbox fills the seam (`Site.sandbox`); a node in service has None there, and neither the page nor its acts exist.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

DELAYS_MS: Final = (0, 200, 1000, 3000)
SKEWS_S: Final = (-400, -90, 0, 90, 400)
"""A message may be a minute old or early: 90 s are too much, 400 s are beyond every allowance."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What is wrong with one bank's line, and with its clock.  `delay_ms` of `DELAYS_MS`, `skew_s` (ahead of the true time) of `SKEWS_S`.

    `drop` and `lose_answer` strike every second request, so that a second try goes through; the others strike every one.
    """

    down: bool = False
    drop: bool = False
    lose_answer: bool = False
    duplicate: bool = False
    tamper: bool = False
    delay_ms: int = 0
    skew_s: int = 0

    def __post_init__(self) -> None:
        assert self.delay_ms in DELAYS_MS, "one of the delays offered"
        assert self.skew_s in SKEWS_S, "one of the skews offered"


OFF: Final = Switches()


@dataclass(frozen=True, slots=True)
class Line:
    """One bank as it is switched now.  `left_s`: seconds until it is well again by itself, None where it stays so."""

    member: str
    zh: str
    en: str
    switches: Switches
    left_s: int | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Switches of one bank for `lasts_s` seconds, and one case from `source` to `accepting` that meets them."""

    code: str
    zh: str
    en: str
    member: str
    switches: Switches
    lasts_s: int
    source: str
    accepting: str


@dataclass(frozen=True, slots=True)
class SandboxDoor:
    """`turn(member, switches)` and `reset()` last until turned again.  `play` and `send` return the opened case's id, "" when no more
    learners are left to make up.
    """

    lines: Callable[[], Sequence[Line]]
    scenarios: Sequence[Scenario]
    sent: Callable[[], Sequence[str]]
    turn: Callable[[str, Switches], Awaitable[None]]
    reset: Callable[[], Awaitable[None]]
    play: Callable[[Scenario], Awaitable[str]]
    send: Callable[[str, str], Awaitable[str]]
