"""The regional record: the same achievement in the shared standard's words.

`RECORD_FIELDS` is the one list of what a regional record can hold.  The XSD, the XML writer,
the mapping rules and the documentation are each compared with it by a test.  A record's values
are kept flat, keyed by field path; the XML nests them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from gateway.model.dates import PartialDate
from gateway.model.units import Credits, Minutes, Points, Sessions, Units

STANDARD_VERSION = "1.0"

RegionalValue: TypeAlias = str | int | bool | Decimal | PartialDate | Credits | Points | Units | Minutes | Sessions


class Kind(StrEnum):
    """Regional achievement kinds (`standards/codes/1.0/achievement_kind.csv`)."""

    COURSE = "COURSE"
    SELF_EXAM = "SELF_EXAM"
    SKILL_CERT = "SKILL_CERT"
    QUAL_CERT = "QUAL_CERT"
    TRAINING = "TRAINING"
    COMMUNITY = "COMMUNITY"
    MOOC = "MOOC"
    AWARD = "AWARD"
    WORK = "WORK"


class Band(StrEnum):
    """Regional grade bands: A >= 90, B >= 80, C >= 70, D >= 60, F below, P passed without a grade."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    F = "F"
    P = "P"


class Scale(StrEnum):
    """Grade scales a source may use; a grade keeps its own beside the band."""

    PERCENT = "PERCENT"
    LEVEL5 = "LEVEL5"
    PASS = "PASS"  # noqa: S105 (pass or fail, no password)
    GPA5 = "GPA5"
    PUTONGHUA = "PUTONGHUA"
    ATTENDANCE = "ATTENDANCE"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `path` nests by dots; `type` is text, code, int, bool, decimal, date, credits, points, units, minutes or sessions."""

    path: str
    type: str
    required: bool
    zh: str
    en: str
    codes: str = ""


LEARNER_FIELDS: tuple[Field, ...] = (
    Field("account", "text", False, "学习者在转出行的账号", "the learner's account at the source bank"),
    Field("name", "text", False, "姓名(按来源书写)", "name as the source writes it"),
    Field("sex", "code", False, "性别", "sex", "gbt2261.1"),
    Field("nation", "code", False, "民族", "people", "gbt3304"),
    Field("education", "code", False, "学历", "education level", "gbt4658-2006"),
)

RECORD_FIELDS: tuple[Field, ...] = (
    Field("source.bank", "code", True, "转出行", "source bank", "member"),
    Field("source.record", "text", True, "来源记录号", "the source bank's record id"),
    Field("source.form", "text", True, "来源记录类别", "local record class"),
    Field("kind", "code", True, "成果类别", "achievement kind", "achievement_kind"),
    Field("status", "code", True, "状态", "status of the record", "record_status"),
    Field("title", "text", True, "名称", "title"),
    Field("course.code", "text", False, "课程代码", "course code in the source's scheme"),
    Field("course.required", "bool", False, "是否必修", "compulsory"),
    Field("programme.subject", "text", False, "专业", "major or subject"),
    Field("programme.category", "code", False, "教育类别", "education category", "education_category"),
    Field("programme.stage", "code", False, "教育层次", "education stage", "education_stage"),
    Field("programme.outcome", "code", False, "学业结果", "programme outcome", "programme_outcome"),
    Field("programme.cohort", "text", False, "届别", "graduating year"),
    Field("programme.season", "code", False, "毕业季", "graduating season", "season"),
    Field("issuer.name", "text", False, "颁发机构名称", "issuer as named by the source"),
    Field("issuer.uscc", "text", False, "颁发机构统一社会信用代码", "issuer's unified social credit code"),
    Field("issuer.school", "text", False, "学校标识码", "issuer's school id code"),
    Field("issuer.platform", "text", False, "平台", "learning platform"),
    Field("level.framework", "code", False, "等级框架", "level framework", "level_framework"),
    Field("level.code", "text", False, "框架内等级", "level within that framework"),
    Field("level.regional", "int", False, "区域等级(1-10)", "regional level 1 to 10"),
    Field("level.confidence", "code", False, "对应可信度", "confidence of the crosswalk", "confidence"),
    Field("size.declared", "credits", False, "来源申报学分", "credits declared by the source"),
    Field("size.points", "points", False, "积分", "points"),
    Field("size.minutes", "minutes", False, "分钟", "minutes"),
    Field("size.units", "units", False, "学时合计(45分钟)", "class units in all"),
    Field("size.theory", "units", False, "理论学时", "theory units"),
    Field("size.practice", "units", False, "实践学时", "practice units"),
    Field("size.sessions", "sessions", False, "次数", "sessions"),
    Field("size.credits", "credits", False, "区域学分", "regional credits"),
    Field("size.policy", "text", False, "折算规则及版本", "policy that computed them, with version"),
    Field("result.raw", "text", False, "原始成绩", "result as the source writes it"),
    Field("result.scale", "code", False, "成绩制", "scale of the raw result", "grade_scale"),
    Field("result.percent", "decimal", False, "百分成绩(来源给出)", "percentage, where the source itself gives one"),
    Field("result.passed", "bool", False, "是否通过", "passed"),
    Field("result.band", "code", False, "区域等第", "regional band", "grade_band"),
    Field("date.awarded", "date", False, "取得日期", "date of award"),
    Field("date.started", "date", False, "开始日期", "started"),
    Field("date.ended", "date", False, "结束日期", "ended"),
    Field("date.valid_until", "date", False, "有效期至", "valid until"),
    Field("date.unlimited", "bool", False, "长期有效", "declared to be without expiry"),
    Field("certificate.number", "text", False, "证书编号", "certificate number"),
    Field("certificate.scheme", "code", False, "编号规则", "numbering scheme", "certificate_scheme"),
    Field("certificate.skill_level", "code", False, "职业技能等级", "skill level (5 lowest to 1 highest)", "skill_level"),
    Field("certificate.level_text", "text", False, "等级原文", "level as the source writes it"),
    Field("remark", "text", False, "备注", "remark"),
    Field("convertible", "bool", True, "可否用于转换", "may be offered for recognition"),
    Field("convertible_reason", "code", False, "不可转换原因", "why not", "not_convertible"),
)


class Extra(NamedTuple):
    """A source value for which the standard has no field: kept under its local path, never in silence."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class RegionalRecord:
    """`values` by field path (absent = not known); `issues` are quality-issue codes, sorted; `extras` in source order."""

    values: Mapping[str, RegionalValue]
    issues: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()

    @property
    def record_id(self) -> str:
        """The source bank's stable id."""
        return str(self.values["source.record"])

    @property
    def credits(self) -> Credits | None:
        """Regional credits, or None where no rule could compute them."""
        value = self.values.get("size.credits")
        assert value is None or isinstance(value, Credits)
        return value


@dataclass(frozen=True, slots=True)
class RegionalPart:
    """One learner's regional records, as the regional XML holds them.

    `learner` by field path of LEARNER_FIELDS; `extras` are part-level values the standard has no field for.
    """

    source: str
    mapping_id: str
    mapping_version: str
    learner: Mapping[str, RegionalValue]
    records: tuple[RegionalRecord, ...]
    extras: tuple[Extra, ...] = ()


class Fate(StrEnum):
    """What became of a source value that has no plain counterpart."""

    RETAINED = "retained"
    DROPPED = "dropped"
    APPROXIMATE = "approximate"
    DEFAULTED = "defaulted"
    REFUSED = "refused"


class Loss(NamedTuple):
    """One line of a loss report.  `record` is "" for part-level values.  `reason` is a code of `loss_reason`.

    A named tuple, because every record has several and a frozen dataclass takes three times as long to make.
    """

    record: str
    path: str
    fate: Fate
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class LossReport:
    """Accounts for every source value of one run.

    `values_read` = `values_mapped` + the losses whose fate is retained, dropped or refused.
    `direction` is `to_regional` or `to_local`.
    """

    mapping_id: str
    mapping_version: str
    direction: str
    values_read: int
    values_mapped: int
    losses: tuple[Loss, ...]
