"""How a record came by its regional credits, step by step, for the learner.

The credits themselves were computed when the record was mapped and are not computed again here: the steps are told only where
the policy's parameters, as the rule set states them, lead to the very number the record carries.
"""

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from gateway.model.regional import RegionalValue
from gateway.model.units import Quantity
from gateway.recognition.facts import RETAKEN_KINDS, Facts
from gateway.recognition.rules import Hours
from gateway.recognition.words import Words, plain, shown

_EXACT: Final = Context(prec=40)


def declared_of(facts: Facts) -> Decimal | None:
    """The credits the source declared, in its own credits."""
    return _number(facts.record.values, "size.declared")


def size_steps(facts: Facts, policies: tuple[Hours, ...]) -> list[Words]:
    """From what the source says to the regional credits; nothing where there is nothing to explain."""
    declared, counted = declared_of(facts), facts.credits
    if counted is None:
        return [Words("记录没有区域学分", "the record has no regional credits")]
    hours = next((hours for hours in policies if hours.policy == facts.policy), None)
    computed = _computed(facts, hours) if hours is not None and facts.kind in RETAKEN_KINDS else None
    least = min((value for value in (declared, computed) if value is not None), default=None)
    policy = facts.policy or "-"
    if hours is not None and least is not None and _down(least, hours.rounding_step) == counted:
        steps = [] if computed is None else [_hours_step(facts, hours, computed)]
        if least != counted:
            step = plain(hours.rounding_step)
            steps.append(
                Words(f"向下取整到 {step}:{plain(least)} → {shown(counted)}", f"rounded down to {step}: {plain(least)} → {shown(counted)}")
            )
        if declared is not None and computed is not None and computed < declared:
            steps.insert(
                1,
                Words(
                    f"取申报 {plain(declared)} 与折算 {plain(computed)} 的较小者",
                    f"the smaller of {plain(declared)} declared and {plain(computed)} computed",
                ),
            )
        return steps
    return [Words(f"按折算规则 {policy},区域学分为 {shown(counted)}", f"by policy {policy} it has {shown(counted)} regional credits")]


def _hours_step(facts: Facts, hours: Hours, computed: Decimal) -> Words:
    theory, practice = _split(facts, hours)
    per_theory, per_practice = plain(hours.theory_units_per_credit), plain(hours.practice_units_per_credit)
    total = f"{plain(theory)}/{per_theory} + {plain(practice)}/{per_practice} = {plain(computed)}"
    return Words(
        f"按折算规则 {hours.policy},理论 {per_theory} 学时、实践 {per_practice} 学时为 1 学分:{total}",
        f"by policy {hours.policy}, {per_theory} theory or {per_practice} practice units are 1 credit: {total}",
    )


def _computed(facts: Facts, hours: Hours) -> Decimal | None:
    if not {"size.units", "size.theory", "size.practice", "size.minutes"} & facts.record.values.keys():
        return None
    theory, practice = _split(facts, hours)
    whole = _EXACT.divide(theory, hours.theory_units_per_credit)
    return _EXACT.add(whole, _EXACT.divide(practice, hours.practice_units_per_credit))


def _split(facts: Facts, hours: Hours) -> tuple[Decimal, Decimal]:
    """Theory and practice units; without a split all hours are taken as theory, as the mapping does."""
    values = facts.record.values
    units, theory, practice = (_number(values, f"size.{name}") for name in ("units", "theory", "practice"))
    if units is None:
        units = _EXACT.divide(_number(values, "size.minutes") or Decimal(0), hours.unit_minutes)
    if theory is None and practice is None:
        return units, Decimal(0)
    if theory is None:
        theory = max(units - (practice or 0), Decimal(0))
    return theory, max(units - theory, Decimal(0)) if practice is None else practice


def _number(values: Mapping[str, RegionalValue], path: str) -> Decimal | None:
    value = values.get(path)
    return value.value if isinstance(value, Quantity) else None


def _down(value: Decimal, step: Decimal) -> Decimal:
    return _EXACT.divide(value, step).to_integral_value(ROUND_FLOOR) * step
