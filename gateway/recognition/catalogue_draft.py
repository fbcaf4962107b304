"""From a panel's dossier to a draft of rules, in the format that `rule_file` reads (`ceg-rules-1`).

What rests on the dossier, criteria and certificate relations, becomes a rule each, with the catalogue entry
that fixes its credits; a dossier on which nothing rests yet gives rules of its own.  A draft decides nothing:
caps are the usual ones, marked for the bank to settle, and it is linted, tested and approved like any other.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from gateway.errors import CatalogueError
from gateway.model.regional import Band, Kind
from gateway.recognition.catalogue import (
    Catalogue,
    CertificateRelation,
    CourseShare,
    Criterion,
    Dossier,
    EntryStatus,
    StandardCourse,
    Table,
    place,
    why_not,
)
from gateway.recognition.catalogue_cells import plain_decimal
from gateway.recognition.catalogue_problems import problem, words
from gateway.recognition.rules import FORMAT, Cardinality, GroupReason

COURSES_MAX: Final = 12
PROGRAMME_PERCENT: Final = Decimal(50)
CREDIT_STEP: Final = Decimal("0.5")
_SKILL_SCHEME: Final = "HRSS"

Value = str | int | bool | date | Decimal | Sequence[str] | Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class DraftRule:
    """One rule as settings of the file, empty ones left out; `remark` is for the people who settle it."""

    courses: tuple[str, ...]
    settings: Mapping[str, Value]
    need: Mapping[str, Value]
    group: tuple[str, GroupReason] | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule set that nobody has approved."""

    head: Mapping[str, Value]
    caps: Mapping[str, Value]
    rules: tuple[DraftRule, ...] = field(default=())


def draft_rules(catalogue: Catalogue, dossier_id: str, accepting: str, day: date, programme: str = "") -> RuleDraft:
    """The draft for one accepting bank (member id), effective from `day`, to be reviewed when the dossier is.

    With a programme, only rules for courses that it has.
    Raises CatalogueError: as `Catalogue.require` for dossier and programme, `catalogue.not_carried`, `catalogue.nothing_to_draft`.
    """
    dossier = catalogue.require(Table.DOSSIERS, dossier_id, day)
    assert isinstance(dossier, Dossier)
    if not dossier.carried:
        found = problem(place(Table.DOSSIERS, dossier), "catalogue.not_carried")
        raise CatalogueError("catalogue.not_carried", *words("catalogue.not_carried"), problems=(found,))
    target = catalogue.programme(programme, day) if programme else None
    resident = Decimal(0) if target is None else target.resident_credits_min
    head: dict[str, Value] = {
        "format": FORMAT,
        "id": f"draft.{dossier.id}"[:64],
        "version": f"draft-{dossier.version}",
        "zh": f"草案:{dossier.title}"[:200],
        "en": f"Draft from dossier {dossier.id}, version {dossier.version}",
        "accepting": accepting,
        "programmes": (programme,) if programme else (),
        "effective": day,
        "review": dossier.review_on,
        "demonstration": dossier.demo,
    }
    caps: dict[str, Value] = {"programme_percent": PROGRAMME_PERCENT, "resident_credits_min": resident, "credit_step": CREDIT_STEP}
    rules = tuple(_resting(catalogue, dossier, accepting, day)) or tuple(_own(dossier))
    if target is not None:
        rules = tuple(rule for rule in rules if set(rule.courses) <= {course.standard_course for course in target.courses})
    if not rules:
        raise CatalogueError("catalogue.nothing_to_draft", *words("catalogue.nothing_to_draft"))
    sizes = Counter(rule.group for rule in rules)
    return RuleDraft(head, caps, tuple(replace(rule, group=None) if sizes[rule.group] == 1 else rule for rule in rules))


def draft_toml(draft: RuleDraft) -> str:
    """The file's text, the same for the same draft."""
    lines = [
        "# 规则草案,由评议档案生成;未经检查、试算与批准,不得用于认定。",
        "# A draft made from a panel's dossier. Lint, test and approve it before it decides anything.",
        *_lines(draft.head),
        "",
        "# 上限为通行取值,须由接收行核定。 Usual caps; the accepting bank settles them.",
        "[caps]",
        *_lines(draft.caps),
    ]
    for group, reason in sorted({rule.group for rule in draft.rules if rule.group}):
        same = ("同类成果只计最高一项", "only the highest of similar results") if reason is GroupReason.HIGHEST_ONLY else (
            "相同内容只计一次", "equal content counts once",
        )  # fmt: skip
        lines += ["", "[[group]]", *_lines({"id": group, "zh": same[0], "en": same[1], "reason": reason.value})]
    for rule in draft.rules:
        lines += ["", *([f"# {rule.remark}"] if rule.remark else []), "[[rule]]", *_lines(rule.settings)]
        lines += _lines({"group": rule.group[0]} if rule.group else {})
        lines += ["[[rule.need]]", *_lines(rule.need)]
    return "\n".join(lines) + "\n"


def _resting(catalogue: Catalogue, dossier: Dossier, accepting: str, day: date) -> Iterator[DraftRule]:
    """What rests on the dossier and may be used, or is a draft waiting for it."""
    for table, entry in catalogue.entries():
        if not isinstance(entry, Criterion | CertificateRelation) or entry.dossier != dossier.id:
            continue
        if entry.status is not EntryStatus.DRAFT and why_not(table, entry, day) is not None:
            continue
        match entry:
            case Criterion() if entry.sources and set(entry.sources) <= {accepting}:
                continue  # a bank recognises from others, not from itself
            case Criterion():
                yield _of_criterion(catalogue, entry, dossier, accepting)
            case CertificateRelation():
                yield _of_certificate(entry, dossier)


def _of_criterion(catalogue: Catalogue, entry: Criterion, dossier: Dossier, accepting: str) -> DraftRule:
    course = catalogue.versions(Table.COURSES, entry.course)[-1]
    equal = course.content_group if isinstance(course, StandardCourse) else ""
    group = entry.similar_group or equal
    reason = GroupReason.HIGHEST_ONLY if entry.similar_group else GroupReason.EQUAL_CONTENT
    need: dict[str, Value] = {
        "kind": (entry.kind.value,),
        "title": entry.results,
        "source": tuple(source for source in entry.sources if source != accepting),
        **_grade(entry.grade_min),
        "level_min": entry.level_min or 0,
        "years_max": entry.age_years_max or 0,
    }
    remark = ""
    if entry.content_min is not None:
        remark = f"内容相关度须达 {plain_decimal(entry.content_min)}%,由人核定 content relevance is judged by people"
    settings = _settings(entry.id, entry.title, dossier, (CourseShare(entry.course, entry.credits),), exam=entry.exam_required)
    return DraftRule((entry.course,), {**settings, "catalogue": entry.id}, need, (group, reason) if group else None, remark)


def _of_certificate(entry: CertificateRelation, dossier: Dossier) -> DraftRule:
    titles = (f"{entry.title}({entry.level_text})", f"{entry.title}{entry.level_text}") if entry.level_text else (entry.title,)
    need: dict[str, Value] = {
        "kind": (Kind.SKILL_CERT.value if entry.scheme == _SKILL_SCHEME else Kind.QUAL_CERT.value,),
        "title": titles,
        "scheme": (entry.scheme,) if entry.scheme else (),
        "skill_level": (entry.skill_level,) if entry.skill_level else (),
        "years_max": entry.age_years_max or 0,
    }
    level = entry.skill_level or entry.level_text
    settings = _settings(entry.id, f"{entry.title} {level}", dossier, entry.courses, exam=entry.exam_required)
    group = (entry.similar_group, GroupReason.HIGHEST_ONLY) if entry.similar_group else None
    return DraftRule(tuple(share.course for share in entry.courses), {**settings, "catalogue": entry.id}, need, group)


def _own(dossier: Dossier) -> Iterator[DraftRule]:
    """A dossier by itself: a certificate frees from its courses together, any other result from one.

    There is no catalogue entry yet, so nothing is given above what the record itself has.
    """
    together = dossier.kind in {Kind.SKILL_CERT, Kind.QUAL_CERT} and len(dossier.targets) <= COURSES_MAX
    need: dict[str, Value] = {
        "kind": (dossier.kind.value,),
        "title": dossier.results,
        "scheme": (dossier.scheme,) if dossier.scheme else (),
        "skill_level": (dossier.skill_level,) if dossier.skill_level else (),
        **_grade(dossier.grade_min),
    }
    for number, shares in enumerate([dossier.targets] if together else [(share,) for share in dossier.targets], 1):
        settings = _settings(f"{dossier.id}.{number}"[:64], dossier.title, dossier, shares, exam=False)
        yield DraftRule(tuple(share.course for share in shares), settings, need)


def _settings(rule_id: str, title: str, dossier: Dossier, shares: Sequence[CourseShare], *, exam: bool) -> dict[str, Value]:
    return {
        "id": rule_id,
        "zh": title,
        "en": f"{rule_id}, from dossier {dossier.id}",
        "cardinality": (Cardinality.ONE_TO_MANY if len(shares) > 1 else Cardinality.ONE_TO_ONE).value,
        "to_standard": tuple(share.course for share in shares),
        "credits": tuple(share.credits for share in shares),
        "exam_still_required": exam,
    }


def _grade(band: Band | None) -> dict[str, Value]:
    """P, passed without a grade, asks for any pass."""
    match band:
        case None:
            return {}
        case Band.P:
            return {"band_min": Band.D.value, "pass_counts": True}
        case _:
            return {"band_min": band.value}


def _lines(settings: Mapping[str, Value]) -> list[str]:
    """TOML, without what asks for nothing: empty lists, zeros that mean none, false."""
    return [f"{key} = {_toml(value)}" for key, value in settings.items() if isinstance(value, str | Decimal) or value]


def _toml(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Decimal():
            return f'"{plain_decimal(value)}"'
        case int():
            return str(value)
        case date():
            return value.isoformat()
        case _:
            return "[" + ", ".join(_toml(item) for item in value) + "]"
