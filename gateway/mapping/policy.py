"""Conversion policies: how regional credits follow from what a source declares and from its hours.

A policy is data with an id, a version and parameters (`rules/policies.toml`); the working is one pure
function over Decimals.  The same `Working` that gives the credits is printed step by step for the learner,
so the explanation cannot differ from the sum.  Rounding happens once, after the minimum is taken.
Points never enter here: they have no way into `Measures`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from gateway.errors import MappingError, Problem
from gateway.model.regional import Kind

_EXACT: Final = Context(prec=40, rounding=ROUND_DOWN)
_ZERO: Final = Decimal(0)
_PARAMETERS: Final = ("unit_minutes", "theory_units_per_credit", "practice_units_per_credit", "rounding_step")
_KEYS: Final = frozenset({"id", "hours_kinds", "leisure_convertible", *_PARAMETERS})
CACHE_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Measures:
    """What a record says about its size: declared credits, class units, minutes; None where it says nothing."""

    kind: str
    declared: Decimal | None = None
    units: Decimal | None = None
    theory: Decimal | None = None
    practice: Decimal | None = None
    minutes: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Working:
    """Every step from measures to credits.  `credits` None means that no rule could compute them; it is never 0 for that reason.

    `assumptions` are codes of table `quality_issue`; `hours_count` is False for kinds whose hours are no measure of credit.
    """

    policy: str
    measures: Measures
    hours_count: bool
    units: Decimal | None
    theory: Decimal | None
    practice: Decimal | None
    computed: Decimal | None
    least: Decimal | None
    credits: Decimal | None
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """`id` names the policy with its version (`YRD-2024.1`), as records carry it.

    `hours_kinds` are the kinds whose hours count; `leisure_convertible` is the regional default for
    community learning, which a bank's own rule may narrow.
    """

    id: str
    unit_minutes: Decimal
    theory_units_per_credit: Decimal
    practice_units_per_credit: Decimal
    rounding_step: Decimal
    hours_kinds: frozenset[str]
    leisure_convertible: bool

    def work(self, measures: Measures) -> Working:
        """The credits of one record, with every step.  Exact: no binary fractions, one rounding, downwards."""
        counts = measures.kind in self.hours_kinds
        assumptions: list[str] = []
        units, theory, practice = self._split(measures, assumptions) if counts else (None, None, None)
        computed = None
        if theory is not None and practice is not None:
            whole = _EXACT.divide(theory, self.theory_units_per_credit)
            computed = _EXACT.add(whole, _EXACT.divide(practice, self.practice_units_per_credit))
        known = [value for value in (measures.declared, computed) if value is not None]
        least = min(known) if known else None
        result = None if least is None else self._down(least)
        return Working(self.id, measures, counts, units, theory, practice, computed, least, result, tuple(assumptions))

    def _split(self, measures: Measures, assumptions: list[str]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        units, theory, practice = measures.units, measures.theory, measures.practice
        if units is None and theory is None and practice is None:
            if measures.minutes is None:
                return None, None, None
            units = _EXACT.divide(measures.minutes, self.unit_minutes)
        else:
            assumptions.append("assumed_45_minutes")
        if theory is None and practice is None:
            assumptions.append("assumed_all_theory")
            theory, practice = units, _ZERO
        elif theory is None:
            theory = max(units - practice, _ZERO) if units is not None and practice is not None else _ZERO
        elif practice is None:
            practice = max(units - theory, _ZERO) if units is not None else _ZERO
        return units, theory, practice

    def _down(self, value: Decimal) -> Decimal:
        steps = _EXACT.divide(value, self.rounding_step).to_integral_value(ROUND_DOWN)
        return (steps * self.rounding_step).quantize(self.rounding_step)


class Policies:
    """The policies by id; workings are memoised, because sizes repeat."""

    def __init__(self, policies: tuple[Policy, ...]) -> None:
        self.by_id: Mapping[str, Policy] = {policy.id: policy for policy in policies}
        self.work = lru_cache(maxsize=CACHE_MAX)(self._work)

    def _work(
        self,
        policy_id: str,
        kind: str,
        declared: Decimal | None,
        units: Decimal | None,
        theory: Decimal | None,
        practice: Decimal | None,
        minutes: Decimal | None,
    ) -> Working:
        return self.by_id[policy_id].work(Measures(kind, declared, units, theory, practice, minutes))


def read_policies(text: str) -> Policies:
    """Read `policies.toml`.  Raises MappingError (mapping.bad_ruleset) with every fault."""
    problems: list[Problem] = []
    try:
        tables = tomllib.loads(text).get("policy", [])
    except tomllib.TOMLDecodeError:
        tables = []
        problems.append(_fault("policies.toml", "mapping.bad_toml", "不是合格的 TOML", "not well-formed TOML"))
    found = [_policy(table, f"policy {place}", problems) for place, table in enumerate(tables, 1) if isinstance(table, dict)]
    policies = tuple(policy for policy in found if policy is not None)
    if len({policy.id for policy in policies}) != len(policies):
        problems.append(_fault("policies.toml", "mapping.repeated_id", "标识重复", "an id stands twice"))
    if not policies and not problems:
        problems.append(_fault("policies.toml", "mapping.missing_setting", "没有任何折算规则", "there is no policy"))
    if problems:
        raise MappingError("mapping.bad_ruleset", "折算规则文件有误", "the policy file is wrong", problems=tuple(problems))
    return Policies(policies)


def _policy(table: Mapping[str, object], place: str, problems: list[Problem]) -> Policy | None:
    before = len(problems)
    problems.extend(
        _fault(f"{place}.{key}", "mapping.unknown_setting", "没有这一设置", "there is no such setting")
        for key in sorted(set(table) - _KEYS)
    )
    numbers = {name: _positive(table.get(name)) for name in _PARAMETERS}
    for key, number in numbers.items():
        if number is None:
            problems.append(_fault(f"{place}.{key}", "mapping.bad_setting", "应为写作文本的正数", "a positive number written as text"))
    name, kinds = table.get("id"), table.get("hours_kinds")
    if not isinstance(name, str) or not name:
        problems.append(_fault(place, "mapping.missing_setting", "缺少 id", "id is missing"))
    if not isinstance(kinds, list) or not set(kinds) <= {kind.value for kind in Kind}:
        problems.append(_fault(f"{place}.hours_kinds", "mapping.bad_setting", "应为成果类别的列表", "a list of achievement kinds"))
    leisure = table.get("leisure_convertible")
    if not isinstance(leisure, bool):
        problems.append(_fault(f"{place}.leisure_convertible", "mapping.bad_setting", "应为 true 或 false", "true or false"))
    if len(problems) > before:
        return None
    sizes = {name: number for name, number in numbers.items() if number is not None}
    assert isinstance(kinds, list)
    assert isinstance(name, str)
    return Policy(name, hours_kinds=frozenset(kinds), leisure_convertible=bool(leisure), **sizes)


def _positive(value: object) -> Decimal | None:
    try:
        number = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and number > 0 else None


def _fault(path: str, code: str, zh: str, en: str) -> Problem:
    return Problem(path, code, zh, en)


def plain(value: Decimal | None) -> str:
    """A number without trailing zeros or exponent; `-` for none."""
    return "-" if value is None else format(value.normalize(), "f")


def steps(working: Working, policy: Policy, lang: str) -> tuple[str, ...]:
    """The working, one sentence a step, in `zh` or `en`, for the learner."""
    return tuple(zh if lang == "zh" else en for zh, en in _steps(working, policy))


def _steps(working: Working, policy: Policy) -> list[tuple[str, str]]:
    lines = [(f"折算规则 {policy.id}", f"policy {policy.id}")]
    lines += _hours_steps(working, policy)
    declared = working.measures.declared
    if declared is None:
        lines.append(("来源未申报学分,不参与比较", "the source declares no credits; nothing to compare with"))
    else:
        lines.append((f"来源申报 {plain(declared)} 学分", f"the source declares {plain(declared)} credits"))
    if working.least is None or working.credits is None:
        lines.append(
            ("既无申报学分,也无可折算的学时:不给出学分(不是 0)", "neither credits nor countable hours: no credits are given (not 0)")
        )
        return lines
    if declared is not None and working.computed is not None:
        lines.append(
            (
                f"取较小者:min({plain(declared)}, {plain(working.computed)}) = {plain(working.least)}",
                f"the smaller one: min({plain(declared)}, {plain(working.computed)}) = {plain(working.least)}",
            )
        )
    step = plain(policy.rounding_step)
    if working.credits == working.least:
        lines.append(
            (f"已是 {step} 的整数倍,无需取整:{working.credits} 区域学分", f"a multiple of {step}: {working.credits} regional credits")
        )
    else:
        lines.append(
            (
                f"向下取整到 {step}:{plain(working.least)} → {working.credits} 区域学分",
                f"rounded down to {step}: {plain(working.least)} → {working.credits} regional credits",
            )
        )
    return lines


def _hours_steps(working: Working, policy: Policy) -> list[tuple[str, str]]:
    measures = working.measures
    if not working.hours_count:
        return [("此类成果的学时不折算学分", "hours of this kind of record do not count as credits")]
    if working.computed is None:
        return [("没有学时,无法由学时折算", "no hours are given, so none are counted")]
    lines = []
    minutes = plain(policy.unit_minutes)
    if measures.minutes is not None and "assumed_45_minutes" not in working.assumptions:
        lines.append(
            (
                f"{plain(measures.minutes)} 分钟 ÷ {minutes} = {plain(working.units)} 学时",
                f"{plain(measures.minutes)} minutes / {minutes} = {plain(working.units)} class units",
            )
        )
    else:
        lines.append((f"假定每学时 {minutes} 分钟", f"assumed: one class unit is {minutes} minutes"))
    if "assumed_all_theory" in working.assumptions:
        lines.append(
            (
                f"来源未分理论与实践,假定 {plain(working.theory)} 学时全部为理论",
                f"no split is given; assumed: all {plain(working.theory)} units are theory",
            )
        )
    theory, practice = policy.theory_units_per_credit, policy.practice_units_per_credit
    sum_of = f"{plain(working.theory)}/{plain(theory)} + {plain(working.practice)}/{plain(practice)} = {plain(working.computed)}"
    lines.append((f"由学时折算(理论/{plain(theory)} + 实践/{plain(practice)}):{sum_of}", f"from hours (theory, practice): {sum_of}"))
    return lines
