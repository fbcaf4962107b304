"""Every alarm of docs/operations.md that this node raises, as it stands now.

What can be looked up is looked up: rows of the database, gauges that other watches set, the trust file's dates, requests refused of
late.  What is a line of the log and no more is counted as it is written (`alarm_lines`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Gauge

from gateway.metrics import DIFFERENCES, FILES_INCOMPLETE, REVIEWS
from gateway.transfers.alarm_lines import ERROR, WARNING
from gateway.transfers.alert_signs import Signs
from gateway.transfers.alerts import Finding
from gateway.transfers.presiding_board import PresidingBoard
from gateway.transfers.status import Status
from gateway.transfers.waiting_groups import stuck_groups

MEMBER_GAUGES: Final = (("difference", DIFFERENCES), ("files_incomplete", FILES_INCOMPLETE))
STATES: Final = frozenset(
    {
        "dead_letter", "handover_unsigned", "held", "contested_outcome", "statement_disputed", "transfer_log_stopped", "clocks_apart",
        "review_passed", "difference", "files_incomplete",
    }
)  # fmt: skip
"""Events that are looked up here; `alert_signs.STATES` and `alarm_lines.LINES` have the others."""


@dataclass(frozen=True, slots=True)
class Findings:
    """`log_open` is False while a witness contradicts the log; `clocks_agree` False while deadlines stand still.

    `signs` are the alarms that stand in no row.
    """

    status: Status
    log_open: Callable[[], bool]
    clocks_agree: Callable[[], bool]
    now_at: Callable[[], datetime]
    presiding: PresidingBoard
    signs: Signs | None = None

    async def now(self) -> list[Finding]:
        """Everything that is wrong now.  Raises StorageError."""
        database = self.status.database
        found = [Finding("dead_letter", member, ERROR, n) for member, n in (await self.status.dead_letter_counts()).items() if n]
        found += [Finding("handover_unsigned", line.waits_for or "", ERROR) for line in await self.presiding.unsigned()]
        silent: dict[str, int] = {}
        for group in await stuck_groups(database, self.now_at()):
            for member in group.silent:
                silent[member] = silent.get(member, 0) + group.n
        found += [Finding("held", member, ERROR, n) for member, n in silent.items()]
        counts = {
            "contested_outcome": await self.status.contested_count(),
            "statement_disputed": (await self.status.statement_counts()).get("disputed", 0),
            "transfer_log_stopped": int(not self.log_open()),
            "clocks_apart": int(not self.clocks_agree()),
            "review_passed": sum(n for labels, n in _samples(REVIEWS) if labels.get("state") == "passed"),
        }
        found += [Finding(event, "", ERROR, n) for event, n in counts.items() if n]
        for event, gauge in MEMBER_GAUGES:
            members: dict[str, int] = {}
            for labels, n in _samples(gauge):
                members[labels.get("member", "")] = members.get(labels.get("member", ""), 0) + n
            found += [Finding(event, member, WARNING, n) for member, n in members.items() if n]
        return found + (self.signs.now() if self.signs is not None else [])


def _samples(gauge: Gauge) -> Iterator[tuple[dict[str, str], int]]:
    for metric in gauge.collect():
        for sample in metric.samples:
            yield sample.labels, int(sample.value)
