"""What an adapter reads from a bank's bytes: one learner's part, still in the bank's own words.

Every value of the source appears exactly once, under the path it has in the province's format
(`course_score`, `CG/CJ@LX`, `workload.minutes`, `学分`), so that the mapping can account for
each: mapped, dropped with a reason, or refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from gateway.errors import Problem

LocalValue: TypeAlias = str | int | Decimal | bool | None


class Operation(StrEnum):
    """What the bank says about a record."""

    DEPOSIT = "deposit"
    CHANGE = "change"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class LocalRecord:
    """One achievement in a bank's own words.

    `record_id` is the stable id (the bank's own, or the connector's by part manifest); `row` is the
    1-based position among the rows of the source; `form` names the local record class
    (`credit`, `certificate_experience`, `training`; `CG`; `MOOC_COURSE` …; `row`); `values` maps local
    paths to values; `issues` are codes of the regional quality-issue table found while reading.
    """

    record_id: str
    operation: Operation
    row: int
    form: str
    values: Mapping[str, LocalValue]
    issues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalLearner:
    """Who the part is about, as far as the format tells.

    `account` is the learner's account in that bank in canonical form ("" where there is none:
    Anhui).  `citizen_id` is the normalised and checked 18-character number, or None; `id_digest`
    is the format's own digest of it (Zhejiang: `sm3:<hex>`), or None.  `name` is as written,
    masked where the bank masks it.
    """

    account: str
    citizen_id: str | None = None
    id_digest: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A damaged row: why, and where.  Its bytes stay in the part."""

    row: int
    record_id: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Ignored:
    """A row left out by a named rule (`totals_row`, `unchanged_repeat`, `chain_link` …)."""

    row: int
    rule: str


@dataclass(frozen=True, slots=True)
class LocalPart:
    """One learner's local records in one message.

    `values` holds the part-level and learner-level values (`cb_id`, `CGPC@PCH`, `XXZ/XBM` …) under
    their paths.  `version` is the format version read.  Rows read = len(records) + len(quarantined) + len(ignored).
    `warnings` are batch-level quality-issue codes (`counter_mismatch`, `totals_differ` …).
    """

    region: str
    version: str
    learner: LocalLearner
    values: Mapping[str, LocalValue]
    records: tuple[LocalRecord, ...]
    quarantined: tuple[Quarantined, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows_read(self) -> int:
        """Rows the source holds, header excluded."""
        return len(self.records) + len(self.quarantined) + len(self.ignored)


@dataclass(frozen=True, slots=True)
class PartManifest:
    """What the connector says beside a part whose format cannot: period and ids of rows (Jiangsu, Anhui).

    `ids` maps the 1-based row of the part to the stable record id; `issues` the row to quality-issue codes
    that only the whole feed showed (Anhui's identity conflicts).  `identity_salt`-like facts are not
    here: they are adapter settings.
    """

    period: str = ""
    ids: Mapping[int, str] = field(default_factory=dict)
    issues: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
