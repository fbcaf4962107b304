"""What the rules look at in a regional record, taken out once.

A record's own bars come first: whatever a rule says, a revoked, failed, expired or leisure record, or one that is only points,
is not recognised.  No rule can name points or sessions, and none is ever read here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from gateway.model.dates import PartialDate
from gateway.model.regional import Band, Kind, RegionalRecord
from gateway.model.units import Credits
from gateway.recognition.rules import BAND_RANK
from gateway.recognition.titles import title_key
from gateway.recognition.words import Mills, Words, mills

LOOKED_AT: Final = frozenset(
    {
        "source.bank",
        "source.record",
        "kind",
        "status",
        "title",
        "course.code",
        "programme.stage",
        "issuer.uscc",
        "issuer.school",
        "level.regional",
        "level.confidence",
        "size.points",
        "size.credits",
        "size.policy",
        "result.passed",
        "result.band",
        "date.awarded",
        "date.valid_until",
        "certificate.scheme",
        "certificate.skill_level",
        "convertible",
        "convertible_reason",
    }
)
"""Every value that a record's facts and bars are made of: whoever only judges needs no other."""
RETAKEN_KINDS: Final = frozenset({Kind.COURSE, Kind.SELF_EXAM, Kind.MOOC})


@dataclass(frozen=True, slots=True)
class StandardCourses:
    """Which standard course of the catalogue a record is: by `bank/code` or by title (`title_key`).  A code is looked up first."""

    by_code: Mapping[str, str] = field(default_factory=dict)
    by_title: Mapping[str, str] = field(default_factory=dict)


NO_CATALOGUE: Final = StandardCourses()


class Facts(NamedTuple):
    """One record.  `credits` None = unknown; `mills` is the same in thousandths (0 where unknown); `grade` as BAND_RANK, -1 unknown."""

    record: RegionalRecord
    key: tuple[str, str]
    bank: str
    kind: str
    title: str
    code: str
    standard: str
    issuer: str
    scheme: str
    skill_level: str
    stage: str
    level: int | None
    confidence: str
    band: str
    grade: int
    credits: Decimal | None
    mills: Mills
    policy: str
    awarded: PartialDate | None
    valid_until: PartialDate | None
    retake: tuple[str, ...]


class Bar(NamedTuple):
    """Why a record cannot be recognised by any rule; `reason` is a code of `decision_reason`."""

    reason: str
    words: Words


def facts_of(record: RegionalRecord, courses: StandardCourses = NO_CATALOGUE) -> Facts:
    """Read one record."""
    get = record.values.get
    bank, kind, title = str(record.values["source.bank"]), str(get("kind", "")), title_key(str(get("title", "")))
    raw_code = get("course.code")
    code = f"{bank}/{raw_code}" if raw_code else ""
    size = get("size.credits")
    amount = size.value if isinstance(size, Credits) else None
    band = str(get("result.band", ""))
    awarded, until, level = get("date.awarded"), get("date.valid_until"), get("level.regional")
    issuer = str(get("issuer.uscc", "") or get("issuer.school", ""))
    return Facts(  # in the order of the fields: named arguments would double the cost
        record,
        (bank, str(record.values["source.record"])),
        bank,
        kind,
        title,
        code,
        courses.by_code.get(code) or courses.by_title.get(title, ""),
        str(get("issuer.uscc", "")),
        str(get("certificate.scheme", "")),
        str(get("certificate.skill_level", "")),
        str(get("programme.stage", "")),
        level if isinstance(level, int) else None,
        str(get("level.confidence", "")),
        band,
        BAND_RANK.get(band, -1),
        amount,
        0 if amount is None else mills(amount),
        str(get("size.policy", "")),
        awarded if isinstance(awarded, PartialDate) else None,
        until if isinstance(until, PartialDate) else None,
        (bank, kind, code or title, issuer) if kind in RETAKEN_KINDS else (),
    )


NOT_VALID: Final = Bar("not_convertible", Words("来源已撤销该成果", "the source bank has revoked it"))
LEISURE: Final = Bar(
    "kind_excluded",
    Words("社区教育、老年教育等休闲类成果不得转换为学历学分", "community and senior learning is leisure and never becomes academic credit"),
)
NOT_PASSED: Final = Bar("grade_insufficient", Words("成绩不及格或未通过", "it was not passed"))
POINTS_ONLY: Final = Bar("not_convertible", Words("只有积分,没有学分;积分不是学分", "there are only points, and points are not credits"))
OWN: Final = Bar("not_convertible", Words("本行自己的成果无需转换", "it is the accepting bank's own record and needs no conversion"))
NOT_YET: Final = Bar("not_verified", Words("取得日期晚于认定日", "the date of award lies after the day of the decision"))


def bar(facts: Facts, accepting: str, day: date) -> Bar | None:
    """The first thing that keeps this record from every rule on `day`, or None."""
    values = facts.record.values
    if facts.kind == Kind.COMMUNITY:
        return LEISURE
    if values.get("status") == "REVOKED":
        return NOT_VALID
    if facts.band == Band.F or values.get("result.passed") is False:
        return NOT_PASSED
    if values.get("convertible") is False:
        return _declared(str(values.get("convertible_reason", "")))
    if facts.bank == accepting:
        return OWN
    if facts.valid_until is not None and facts.valid_until.latest() < day:
        until = str(facts.valid_until)
        return Bar("expired", Words(f"证书有效期至 {until},认定日 {day} 已过期", f"it was valid until {until}; on {day} it has expired"))
    if facts.awarded is not None and facts.awarded.earliest() > day:
        return NOT_YET
    if facts.credits is None and "size.points" in values and facts.kind in RETAKEN_KINDS:
        return POINTS_ONLY
    return None


def _declared(reason: str) -> Bar:
    return Bar(
        "not_convertible",
        Words(f"记录标明不可转换({reason or '未说明原因'})", f"the record says it is not convertible ({reason or 'no reason given'})"),
    )
