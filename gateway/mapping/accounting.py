"""The account of a run: every value read ends as mapped, retained, dropped or refused, and the lines say which.

Values of personal paths, and whatever is dropped as personal, appear in lines as `***`.
"""

from collections.abc import Mapping

from gateway.mapping.loss import MASK, Run, shown
from gateway.mapping.plan import Plan, Ruleset
from gateway.model.local import LocalValue
from gateway.model.regional import Extra, Fate, Loss, LossReport


class Account:
    """Sums one run's values and collects its lines, in the order they were read."""

    __slots__ = ("lines", "mapped", "personal", "read")

    def __init__(self, personal: frozenset[str]) -> None:
        self.read = 0
        self.mapped = 0
        self.lines: list[Loss] = []
        self.personal = personal

    def line(self, record: str, path: str, fate: Fate, reason: str, value: object) -> None:
        hidden = reason == "personal" or path in self.personal
        self.lines.append(Loss(record, path, fate, reason, MASK if hidden else shown(value)))

    def remarks(self, run: Run) -> None:
        for loss in run.remarks:
            self.lines.append(Loss(loss.record, loss.path, loss.fate, loss.reason, MASK) if loss.path in self.personal else loss)

    def report(self, ruleset: Ruleset, direction: str) -> LossReport:
        return LossReport(ruleset.id, ruleset.version, direction, self.read, self.mapped, tuple(self.lines))


def account_values(values: Mapping[str, LocalValue], plan: Plan, ruleset: Ruleset, run: Run, account: Account) -> tuple[Extra, ...]:
    """Give every source value its fate; answers what is kept beside the fields, in source order."""
    if not _all_mapped(values, plan, ruleset, run):
        return _account_each(values, plan, ruleset, run, account)
    account.read += len(values)
    account.mapped += len(values)
    if run.remarks:
        account.remarks(run)
    return ()


def _all_mapped(values: Mapping[str, LocalValue], plan: Plan, ruleset: Ruleset, run: Run) -> bool:
    """The usual record: each value has a rule, and no rule had anything to note about one."""
    if run.kept or run.dropped or run.refused or run.spelled or not plan.mapped.issuperset(values):
        return False
    return not (ruleset.blank_kept and "" in values.values())


def _account_each(values: Mapping[str, LocalValue], plan: Plan, ruleset: Ruleset, run: Run, account: Account) -> tuple[Extra, ...]:
    extras: list[Extra] = []
    spelled, unsettled = run.spelled, _unsettled(run)
    mapped = 0
    for path, value in values.items():
        if path in plan.mapped:
            fate = unsettled.get(path)
            if fate is None and not (value == "" and ruleset.blank_kept and path not in plan.blank):
                mapped += 1
                if path in spelled:
                    extras.append(Extra(path, shown_whole(value)))
                continue
            fate = fate or (Fate.RETAINED, "empty")
        elif path in plan.dropped:
            fate = Fate.DROPPED, plan.dropped[path]
        elif value is None:
            fate = Fate.DROPPED, "empty"
        else:
            fate = Fate.RETAINED, "no_field"
            if type(value) is not str and path not in plan.integers:
                run.approximate(path, "precision", value)  # an extra is text: 1 comes back as "1"
        if fate[0] is Fate.RETAINED:
            extras.append(Extra(path, "" if value is None else shown_whole(value)))
        account.line(run.record, path, *fate, value)
    account.read += len(values)
    account.mapped += mapped
    if run.remarks:
        account.remarks(run)
    return tuple(extras)


def _unsettled(run: Run) -> dict[str, tuple[Fate, str]]:
    """What the rules themselves did not map: kept without a meaning, dropped, refused (the last wins)."""
    found = {path: (Fate.RETAINED, reason) for path, reason in run.kept.items()}
    found |= {path: (Fate.DROPPED, reason) for path, reason in run.dropped.items()}
    return found | {path: (Fate.REFUSED, reason) for path, reason in run.refused.items()}


def shown_whole(value: LocalValue) -> str:
    """A local value as an extra keeps it: never cut."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
