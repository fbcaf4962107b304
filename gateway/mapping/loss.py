"""What became of every value: the notes one record's run writes, and the sums over them.

A run never stops at the first fault: transforms write what they meet into `Run`, and the engine
reads it afterwards.  Two groups of notes are kept apart.  *Counted* fates (retained, dropped,
refused) belong to exactly one source value each, so that values read = values mapped + their
number.  *Remarks* (approximate, defaulted) say more about a value that was mapped, or about one
that the rules supplied, and are never counted.
"""

from collections.abc import Mapping
from typing import Final

from gateway.errors import Problem
from gateway.model.local import LocalLearner, LocalValue
from gateway.model.regional import Fate, Loss, LossReport

MASK: Final = "***"
VALUE_CHARS_MAX: Final = 200
_APPROXIMATE, _DEFAULTED = Fate.APPROXIMATE, Fate.DEFAULTED

PROBLEM_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "mapping.unknown_code": ("代码不在所声明的代码集中", "the code is not in its code set"),
    "mapping.no_code_set": ("代码未注明代码集及版本,含义不明", "a code without its code set and version is ambiguous"),
    "mapping.impossible_value": ("取值不可能成立", "the value is impossible"),
    "mapping.missing_value": ("缺少区域标准必需的内容", "the regional standard requires a value that is not there"),
    "mapping.split_mismatch": ("理论学时与实践学时之和不等于总学时", "theory and practice units do not add up to the total"),
    "mapping.unknown_form": ("映射规则未收录此类记录", "the mapping rules do not know this class of record"),
}
"""Every reason for which a value, and with it its record, is refused."""

REFUSAL_REASONS: Final[Mapping[str, str]] = {
    "mapping.unknown_code": "unknown_code",
    "mapping.no_code_set": "ambiguous",
    "mapping.impossible_value": "invalid",
    "mapping.missing_value": "empty",
    "mapping.split_mismatch": "invalid",
    "mapping.unknown_form": "unknown_code",
}
"""The same reasons as codes of table `loss_reason`."""


class Run:
    """The notes of one record (or of the part's own values) in one direction.

    `own` is true when a record is rendered for the province it came from; `learner` is the reader's
    account of the person, and `restored` the local values that are about to be put back as they were.
    """

    __slots__ = (
        "carried",
        "dropped",
        "issues",
        "kept",
        "learner",
        "lost",
        "own",
        "problems",
        "record",
        "refused",
        "remarks",
        "restored",
        "spelled",
        "where",
    )

    def __init__(self, record: str, where: str, *, own: bool = True, learner: LocalLearner | None = None) -> None:
        self.record = record
        self.where = where
        self.own = own
        self.learner = learner
        self.problems: list[Problem] = []
        self.refused: dict[str, str] = {}
        self.issues: list[str] = []
        self.remarks: list[Loss] = []
        self.spelled: dict[str, LocalValue] = {}
        self.dropped: dict[str, str] = {}
        self.restored: Mapping[str, str] = {}
        self.kept: dict[str, str] = {}
        self.carried: list[str] = []
        self.lost: dict[str, str] = {}

    def refuse(self, path: str, code: str) -> None:
        """Note a value for which the record cannot be mapped."""
        zh, en = PROBLEM_TEXTS[code]
        self.problems.append(Problem(f"{self.where}: {path}", code, zh, en))
        self.refused[path] = REFUSAL_REASONS[code]

    def spell(self, path: str, value: LocalValue) -> None:
        """Keep, as an extra, the way a mapped value was written beside the meaning taken from it: nothing is lost."""
        self.spelled[path] = value

    def approximate(self, path: str, reason: str, value: object) -> None:
        self.remarks.append(Loss(self.record, path, _APPROXIMATE, reason, shown(value)))

    def default(self, path: str, reason: str, value: object) -> None:
        text = value if type(value) is str and len(value) <= VALUE_CHARS_MAX else shown(value)
        self.remarks.append(Loss(self.record, path, _DEFAULTED, reason, text))


def shown(value: object) -> str:
    """A value as a loss report prints it: plain digits, true and false, cut at 200 characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if type(value) is str else str(value)
    return text if len(text) <= VALUE_CHARS_MAX else text[: VALUE_CHARS_MAX - 1] + "…"


def balances(report: LossReport) -> bool:
    """Whether the report accounts for every value it read."""
    counted = sum(1 for loss in report.losses if loss.fate in (Fate.RETAINED, Fate.DROPPED, Fate.REFUSED))
    return report.values_read == report.values_mapped + counted
