"""Alarms that are one line of this node's log and no state that could be looked up: counted as the lines are written.

A processor of the log counts each line's event and member in a metric, and whoever looks (`alert_findings`) takes what came since.
Nothing else of a line is kept: no id, no case, nothing personal.  Events are those of the table, members at most `MEMBERS_MAX`.
An event that is nothing to mind by itself is told to nobody before it was there at `told_after` looks.
"""

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gateway.metrics import ALARMS

MEMBERS_MAX: Final = 64
OTHERS: Final = "-"
"""Stands for the members past `MEMBERS_MAX`."""
MEMBER: Final = re.compile(r"[A-Z]{2}-[0-9A-Z]{1,8}")
WARNING: Final = "warning"
ERROR: Final = "error"


class Line(NamedTuple):
    """How grave an event is, and at how many looks it has to be there before anybody is told."""

    level: str
    told_after: int = 1


SPORADIC: Final = Line(WARNING, 3)
LINES: Final[Mapping[str, Line]] = {
    "alert_not_told": SPORADIC,
    "alerts_not_looked_at": SPORADIC,
    "attempt_not_noted": SPORADIC,
    "canaries_not_looked_at": SPORADIC,
    "consents_not_looked_at": SPORADIC,
    "deadline": Line(WARNING),
    "deadlines_not_looked_at": SPORADIC,
    "delivery_broken": Line(ERROR),
    "delivery_failed": SPORADIC,
    "file_message_refused": Line(WARNING),
    "file_names_refused": Line(WARNING),
    "files_not_looked_at": SPORADIC,
    "lane_waits": SPORADIC,
    "log_export_failed": Line(WARNING),
    "news_not_looked_at": SPORADIC,
    "reviews_not_looked_at": SPORADIC,
    "statements_not_looked_at": SPORADIC,
    "states_not_looked_at": SPORADIC,
    "timestamp_failed": SPORADIC,
    "transfer_log_conflict_over": Line(WARNING),
    "trust_file_refused": Line(WARNING),
    "unexpected": Line(ERROR),
    "wal_not_truncated": Line(WARNING),
    "witness_declines": SPORADIC,
    "witness_silent": SPORADIC,
    "witnesses_not_asked": SPORADIC,
}
"""Each has its section in docs/operations.md."""
_seen: Final[set[str]] = set()


def count_alarm(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: it changes nothing of the line."""
    name = event.get("event")
    if name in LINES:
        ALARMS.labels(name, _member(event.get("member"))).inc()
    return event


def _member(named: object) -> str:
    if not isinstance(named, str) or not MEMBER.fullmatch(named):
        return ""
    if named not in _seen and len(_seen) >= MEMBERS_MAX:
        return OTHERS
    _seen.add(named)
    return named


class Counted(NamedTuple):
    """How many lines came since the last look."""

    event: str
    member: str
    n: int


@dataclass(slots=True)
class AlarmLines:
    """What came since the last time it was asked; the first time, since it was made."""

    before: Mapping[tuple[str, str], int]

    @classmethod
    def from_now(cls) -> "AlarmLines":
        return cls(_counts())

    def take(self) -> list[Counted]:
        now, before = _counts(), self.before
        self.before = now
        return [Counted(*key, n - before.get(key, 0)) for key, n in sorted(now.items()) if n > before.get(key, 0)]


def _counts() -> dict[tuple[str, str], int]:
    return {
        (sample.labels["event"], sample.labels["member"]): int(sample.value)
        for metric in ALARMS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
