"""Alarms that stand in no row: lines of the log since the last look, what runs out, canaries, reviews that are near, requests refused.

A flood of refusals is what the last hour holds of them; single ones are everyday life.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Counter, Gauge

from gateway.federation.registry import TrustFile
from gateway.federation.registry_watch import warnings
from gateway.metrics import CANARIES, REFUSED, REVIEWS
from gateway.transfers.alarm_lines import ERROR, LINES, WARNING, AlarmLines
from gateway.transfers.alerts import Finding

REFUSED_MANY: Final = 200
REFUSED_WITHIN: Final = timedelta(hours=1)
LOOKS_MAX: Final = 4_096
STATES: Final = frozenset({"runs_out", "canary_wrong", "review_near", "refused_many"})
"""Events that are looked up here; `alert_findings.STATES` has the others."""


@dataclass(slots=True)
class Signs:
    """Made when the node starts; asked at every look.  `trust` gives the trust file in force."""

    trust: Callable[[], TrustFile]
    now_at: Callable[[], datetime]
    lines: AlarmLines = field(default_factory=AlarmLines.from_now)
    refused: deque[tuple[datetime, int]] = field(default_factory=lambda: deque(maxlen=LOOKS_MAX))

    def now(self) -> list[Finding]:
        """What there is of these now."""
        found = [Finding(each.event, each.member, LINES[each.event].level, each.n) for each in self.lines.take()]
        for member, n in self._running_out().items():
            found.append(Finding("runs_out", member, WARNING, n))
        for member, n in _by(CANARIES, "accepting").items():
            found.append(Finding("canary_wrong", member, ERROR, n))
        near = sum(int(n) for labels, n in _samples(REVIEWS) if labels.get("state") == "near")
        many = self._refused()
        counts = (("review_near", near), ("refused_many", many if many >= REFUSED_MANY else 0))
        return found + [Finding(event, "", WARNING, n) for event, n in counts if n]

    def _running_out(self) -> dict[str, int]:
        """By member; "" for the trust file itself and the gateway's keys."""
        trust, found = self.trust(), dict[str, int]()
        members = {member.id for member in trust.data.members}
        for each in warnings(trust, self.now_at()):
            if not each.covered:
                subject = each.subject if each.subject in members else ""
                found[subject] = found.get(subject, 0) + 1
        return found

    def _refused(self) -> int:
        """Requests refused within the hour, as far as this node has looked."""
        now, total = self.now_at(), sum(int(n) for _, n in _samples(REFUSED))
        while self.refused and self.refused[0][0] < now - REFUSED_WITHIN:
            self.refused.popleft()
        self.refused.append((now, total))
        return total - self.refused[0][1]


def _by(gauge: Gauge, label: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for labels, n in _samples(gauge):
        if n:
            found[labels[label]] = found.get(labels[label], 0) + int(n)
    return found


def _samples(metric: Gauge | Counter) -> Iterator[tuple[dict[str, str], float]]:
    for family in metric.collect():
        for sample in family.samples:
            if not sample.name.endswith("_created"):
                yield sample.labels, sample.value
