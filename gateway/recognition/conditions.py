"""A need, as a list of checks: each says whether a record meets it and, in words, why not.

The same check decides and explains, so the two cannot differ.  What names a record (title, course, code) is compared by the index.
"""

from collections.abc import Callable
from datetime import date
from typing import Final, NamedTuple

from gateway.recognition.facts import Facts
from gateway.recognition.rules import BAND_RANK, Need
from gateway.recognition.words import Words, mills, shown

_NO: Final = ("未注明", "not stated")


class Check(NamedTuple):
    """`reason` is a code of `decision_reason`; `field` is the setting of the rule file that failed."""

    field: str
    reason: str
    met: Callable[[Facts, date], bool]
    why_not: Callable[[Facts, date], Words]


def failed(need: Need, facts: Facts, day: date) -> list[Check]:
    """Every check that fails, in the order of the file format."""
    return [check for check in checks(need) if not check.met(facts, day)]


def checks(need: Need) -> tuple[Check, ...]:
    """Only what this need states."""
    found = [_among("kind", "kind_excluded", need.kinds, "成果类别", "kind", lambda facts: facts.kind)]
    if need.sources:
        found.append(_among("source", "issuer_not_recognised", need.sources, "转出行", "source bank", lambda facts: facts.bank))
    if need.issuers:
        found.append(_among("issuer", "issuer_not_recognised", need.issuers, "颁发机构代码", "issuer", lambda facts: facts.issuer))
    if need.schemes:
        found.append(_among("scheme", "not_verified", need.schemes, "证书编号规则", "certificate scheme", lambda facts: facts.scheme))
    if need.skill_levels:
        found.append(
            _among("skill_level", "level_insufficient", need.skill_levels, "职业技能等级", "skill level", lambda facts: facts.skill_level)
        )
    if need.stages:
        found.append(_among("stage", "level_insufficient", need.stages, "教育层次", "education stage", lambda facts: facts.stage))
    if need.level_min is not None:
        found.append(_level(need.level_min, need.confidence))
    if need.band_min is not None:
        found.append(_band(need.band_min, need.pass_counts))
    if need.credits_min is not None:
        found.append(_size(need))
    if need.years_max is not None:
        found.append(_age(need.years_max))
    return tuple(found)


def _among(field: str, reason: str, wanted: frozenset[str], zh: str, en: str, read: Callable[[Facts], str]) -> Check:
    listed = "、".join(sorted(wanted)), ", ".join(sorted(wanted))
    return Check(
        field,
        reason,
        lambda facts, _day: read(facts) in wanted,
        lambda facts, _day: Words(
            f"{zh}须为 {listed[0]},本记录为 {read(facts) or _NO[0]}", f"{en} must be {listed[1]}, here it is {read(facts) or _NO[1]}"
        ),
    )


def _level(least: int, confidence: str) -> Check:
    def met(facts: Facts, _day: date) -> bool:
        return facts.level is not None and facts.level >= least and (confidence == "approximate" or facts.confidence == "exact")

    def why_not(facts: Facts, _day: date) -> Words:
        if facts.level is None:
            return Words(f"区域等级须不低于 {least},本记录未注明", f"regional level must be {least} or higher, here it is not stated")
        if facts.level < least:
            return Words(
                f"区域等级须不低于 {least},本记录为 {facts.level}", f"regional level must be {least} or higher, here it is {facts.level}"
            )
        return Words(
            f"区域等级 {facts.level} 只是近似对应,本规则要求完全对应",
            f"regional level {facts.level} is only an approximate counterpart; this rule asks for an exact one",
        )

    return Check("level_min", "level_insufficient", met, why_not)


def _band(least: str, pass_counts: bool) -> Check:
    rank = BAND_RANK[least]

    def why_not(facts: Facts, _day: date) -> Words:
        if facts.band == "P":
            return Words(f"成绩须达 {least} 等,本记录只有「合格」", f"grade must be band {least} or better, here it is only a pass")
        band = (facts.band, facts.band) if facts.band else _NO
        return Words(f"成绩须达 {least} 等,本记录为 {band[0]}", f"grade must be band {least} or better, here it is {band[1]}")

    return Check("band_min", "grade_insufficient", lambda facts, _day: (facts.band == "P" and pass_counts) or facts.grade >= rank, why_not)


def _size(need: Need) -> Check:
    least = mills(need.credits_min) if need.credits_min is not None else 0
    return Check(
        "credits_min",
        "size_insufficient",
        lambda facts, _day: facts.credits is not None and facts.mills >= least,
        lambda facts, _day: Words(
            f"区域学分须不少于 {shown(least)},本记录为 {shown(facts.credits)}",
            f"it must have {shown(least)} regional credits or more, here it has {shown(facts.credits)}",
        ),
    )


def _age(years: int) -> Check:
    def met(facts: Facts, day: date) -> bool:
        if facts.awarded is None:
            return False
        first = day.year - years
        return facts.awarded.year > first or (facts.awarded.year == first and facts.awarded.latest() >= years_before(day, years))

    def why_not(facts: Facts, day: date) -> Words:
        if facts.awarded is None:
            return Words(f"成果须在 {years} 年内取得,本记录没有取得日期", f"it must not be older than {years} years, and has no date")
        return Words(
            f"成果须在 {years} 年内取得(自 {years_before(day, years)} 起),本记录取得于 {facts.awarded}",
            f"it must not be older than {years} years (since {years_before(day, years)}), it was awarded {facts.awarded}",
        )

    return Check("years_max", "too_old", met, why_not)


def years_before(day: date, years: int) -> date:
    """The same day so many years earlier; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
