"""Local records to regional ones and back, with an account of every value.

Everything that can be decided beforehand is in the `Plan` of a record class; here a record passes
through its closures, gets its credits by the policy, its convertibility, and its accounting.  A record
that cannot be mapped is refused whole, with every problem, and the others go on.  The inputs fix the
outputs: no clock, no chance, orders taken from the source and the rule file.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from gateway.errors import MappingError, Problem
from gateway.mapping.accounting import Account, account_values
from gateway.mapping.loss import Run, shown
from gateway.mapping.plan import Plan, Ruleset
from gateway.mapping.policy import Policies, Working, read_policies
from gateway.mapping.ruleset import bad_ruleset, read_ruleset
from gateway.model.codes import CodeTables
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, LocalValue, Operation
from gateway.model.regional import Extra, Fate, Kind, LossReport, RegionalPart, RegionalRecord, RegionalValue
from gateway.model.units import Credits, Quantity

POLICIES_FILE: Final = "policies.toml"
STATUS_OF: Final[Mapping[Operation, str]] = {Operation.DEPOSIT: "VALID", Operation.CHANGE: "CHANGED", Operation.CANCEL: "REVOKED"}
OPERATION_OF: Final[Mapping[str, Operation]] = {status: operation for operation, status in STATUS_OF.items()}
_CERTIFIED: Final = frozenset({Kind.SKILL_CERT.value, Kind.QUAL_CERT.value, Kind.AWARD.value})
_DERIVED: Final = frozenset({"size.credits", "size.policy", "convertible", "convertible_reason", "issuer.uscc"})
UNIT_ASSUMED: Final = "1 = 45 min"
CONVERTED: Final = "converted_before"
"""Code of table `not_convertible`: the bank holds the record only because it recognised another bank's."""
_DEFAULT_KIND: Final = Kind.TRAINING.value


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that the rules cannot express: which one, its row, and every reason."""

    record_id: str
    row: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Mapped:
    """A part in the standard's words.

    `problems` are faults of part-level values, which refuse that value but no record; `warnings` are quality-issue codes.
    """

    part: RegionalPart
    loss: LossReport
    refused: tuple[RefusedRecord, ...]
    warnings: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Localised:
    """A part in a bank's words, and what its format could not hold."""

    part: LocalPart
    loss: LossReport


class Mapper:
    """The compiled rules of every province.  `policies` computes regional credits."""

    def __init__(self, rulesets: Iterable[Ruleset], codes: CodeTables, policies: Policies) -> None:
        self.codes = codes
        self.policies = policies
        self.rulesets: Mapping[str, Ruleset] = {ruleset.region: ruleset for ruleset in rulesets}
        self._by_id = {ruleset.id: ruleset for ruleset in self.rulesets.values()}

    def ruleset(self, region: str) -> Ruleset:
        """The rules of `region`.  Raises MappingError (mapping.unknown_region)."""
        found = self.rulesets.get(region)
        if found is None:
            raise MappingError("mapping.unknown_region", "没有该省的映射规则", "there are no mapping rules for this region")
        return found

    # -- to the standard --

    def to_regional(self, part: LocalPart, source: str) -> Mapped:
        """Map one learner's part; `source` is the member id of the bank it came from.  Raises MappingError (mapping.unknown_region)."""
        ruleset = self.ruleset(part.region)
        account = Account(ruleset.personal)
        run = Run("", "part", learner=part.learner)
        learner: dict[str, RegionalValue] = {}
        for step in ruleset.part.steps:
            noted = len(run.problems)
            step.forward(part.values, learner, run)
            if len(run.problems) > noted:  # a code and its vintage are refused together
                run.refused = dict.fromkeys(step.local, "policy") | run.refused
        extras = account_values(part.values, ruleset.part, ruleset, run, account)
        records: list[RegionalRecord] = []
        refused: list[RefusedRecord] = []
        known: dict[str, RegionalRecord] = {}
        for record in part.records:
            found = self._record(record, ruleset, source, account, known)
            if isinstance(found, RegionalRecord):
                records.append(found)
                known[record.record_id] = found
            else:
                refused.append(found)
        return Mapped(
            RegionalPart(source, ruleset.id, ruleset.version, learner, tuple(records), extras),
            account.report(ruleset, "to_regional"),
            tuple(refused),
            tuple(sorted({*part.warnings, *run.issues})),
            tuple(run.problems),
        )

    def _record(
        self, record: LocalRecord, ruleset: Ruleset, source: str, account: Account, known: Mapping[str, RegionalRecord]
    ) -> RegionalRecord | RefusedRecord:
        run = Run(record.record_id, f"row {record.row}")
        out = first_values(record, source)
        plan = ruleset.plans.get(record.form)
        if plan is None:
            run.refuse("form", "mapping.unknown_form")
            return _refuse(record, run, account)
        values = record.values
        for forward in plan.forward:
            forward(values, out, run)
        self.finish(record, ruleset, plan, out, run, known.get(record.record_id))
        if run.problems:
            return _refuse(record, run, account)
        extras = account_values(values, plan, ruleset, run, account)
        return RegionalRecord(out, _in_order((*record.issues, *run.issues)), extras)

    def finish(
        self,
        record: LocalRecord,
        ruleset: Ruleset,
        plan: Plan,
        out: dict[str, RegionalValue],
        run: Run,
        before: RegionalRecord | None,
    ) -> Working | None:
        """What no single rule can say: required values, regional credits, convertibility.  Answers the policy's working."""
        if record.operation is Operation.CANCEL:
            _complete_cancellation(out, run, before)
        for field in ("kind", "title"):
            if field not in out and not run.problems:
                run.refuse(field, "mapping.missing_value")
        working = None if run.problems else self._credits(ruleset, out, run)
        if run.problems:
            return None
        if "issuer.uscc" not in out and "issuer.school" not in out and record.operation is not Operation.CANCEL:
            run.issues.append("issuer_unresolved")
        reason = _unfit(record.values, ruleset, plan, out)
        out["convertible"] = not reason
        if reason:
            out["convertible_reason"] = reason
        return working

    def _credits(self, ruleset: Ruleset, out: dict[str, RegionalValue], run: Run) -> Working | None:
        sizes = size_of(out)
        _declared, units, theory, practice, _minutes = sizes
        if units is not None and theory is not None and practice is not None and theory + practice != units:
            run.refuse("size.units", "mapping.split_mismatch")
            return None
        working = self.policies.work(ruleset.policy, str(out["kind"]), *sizes)
        if working.credits is not None:
            out["size.credits"] = Credits(working.credits)
            out["size.policy"] = working.policy
        for assumption in working.assumptions:
            run.issues.append(assumption)
            if assumption == "assumed_all_theory":
                run.default("size.theory", "assumption", working.theory)
            else:
                run.default("size.units", "assumption", UNIT_ASSUMED)
        if "size.points" in out:
            run.issues.append("points_not_credits")
        if "size.sessions" in out:
            run.issues.append("sessions_not_hours")
        return working

    # -- to a bank --

    def to_local(self, part: RegionalPart, region: str) -> Localised:
        """Write one learner's part in the words of `region`.  Raises MappingError (mapping.unknown_region).

        For the bank the part came from, every value returns that `to_regional` did not declare lost; for another one
        the learner's account is the declared empty slot, and each record bears the mark of a converted one, where its format has
        such a mark: whatever that bank books from it can be told from its own originals.
        """
        ruleset = self.ruleset(region)
        own = part.mapping_id == ruleset.id
        writer = self._by_id.get(part.mapping_id)
        account = Account((writer.personal if writer else frozenset()) | frozenset(part.learner))
        records: list[LocalRecord] = []
        for place, record in enumerate(part.records, 1):
            written = _write_record(record, place, ruleset, account, own=own)
            if written is not None:
                records.append(written)
        run = Run("", "part", own=own)
        values = _write(part.learner, part.extras, ruleset.part, run, account)
        name = part.learner.get("name")
        learner = LocalLearner(str(part.learner.get("account", "")) if own else "", name=None if name is None else str(name))
        local = LocalPart(ruleset.region, ruleset.format_version, learner, values, tuple(records))
        return Localised(local, account.report(ruleset, "to_local"))


def load_mapper(rules_folder: Path, codes: CodeTables) -> Mapper:
    """Read and compile every rule file of a folder, and its `policies.toml`.

    Raises MappingError (mapping.bad_ruleset) with the problems of all of them; OSError where the folder cannot be read.
    """
    policies = read_policies((rules_folder / POLICIES_FILE).read_text(encoding="utf-8"))
    rulesets: list[Ruleset] = []
    problems: list[Problem] = []
    for path in sorted(rules_folder.glob("*.toml")):
        if path.name == POLICIES_FILE:
            continue
        try:
            rulesets.append(read_ruleset(path.name, path.read_bytes(), codes, policies))
        except MappingError as error:
            problems.extend(error.problems)
    for key in ("id", "region", "member"):
        taken = Counter(str(getattr(ruleset, key)) for ruleset in rulesets)
        problems.extend(
            Problem(f"{key} {value}", "mapping.repeated_id", "两个规则文件使用同一标识", "two rule files share it")
            for value, times in taken.items()
            if times > 1
        )
    if problems:
        raise bad_ruleset(tuple(problems))
    return Mapper(rulesets, codes, policies)


@lru_cache(maxsize=1024)
def _in_order(issues: tuple[str, ...]) -> tuple[str, ...]:
    """Once each, sorted.  Memoised: a bank's records have the same few sets."""
    return tuple(sorted(set(issues)))


def first_values(record: LocalRecord, source: str) -> dict[str, RegionalValue]:
    """What a regional record says of its origin, before any rule has run."""
    return {
        "source.bank": source,
        "source.record": record.record_id,
        "source.form": record.form,
        "status": STATUS_OF[record.operation],
    }


def size_of(out: Mapping[str, RegionalValue]) -> tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None, Decimal | None]:
    """Declared credits, units, theory, practice and minutes as plain numbers, in the order policies take them."""
    declared, units, theory = out.get("size.declared"), out.get("size.units"), out.get("size.theory")
    practice, minutes = out.get("size.practice"), out.get("size.minutes")
    return (
        declared.value if isinstance(declared, Quantity) else None,
        units.value if isinstance(units, Quantity) else None,
        theory.value if isinstance(theory, Quantity) else None,
        practice.value if isinstance(practice, Quantity) else None,
        minutes.value if isinstance(minutes, Quantity) else None,
    )


def _complete_cancellation(out: dict[str, RegionalValue], run: Run, before: RegionalRecord | None) -> None:
    """A cancellation may name nothing but the id: the rest follows from the record it cancels, or is a noted default."""
    known: Mapping[str, RegionalValue] = before.values if before is not None else {}
    for field, default in (("kind", _DEFAULT_KIND), ("title", run.record)):
        if field not in out:
            out[field] = known.get(field, default)
            run.default(field, "default_applied", out[field])


def _unfit(values: Mapping[str, LocalValue], ruleset: Ruleset, plan: Plan, out: Mapping[str, RegionalValue]) -> str:
    """Why a record may not be offered for recognition; "" where it may."""
    if out["status"] == "REVOKED":
        return "revoked"
    if plan.converted is not None and values.get(plan.converted.path) == plan.converted.value:
        return CONVERTED
    if out.get("result.passed") is False:
        return "not_passed"
    if out["kind"] == "COMMUNITY" and not ruleset.leisure_convertible:
        return "leisure"
    for condition in plan.unfit:
        value = out.get(condition.path) if condition.regional else values.get(condition.path)
        if value is not None and shown(value) == condition.value:
            return condition.reason
    if out.get("result.scale") == "ATTENDANCE":
        return "attendance_only"
    points = out.get("size.points")
    if isinstance(points, Quantity) and points.value and "size.credits" not in out and out["kind"] not in _CERTIFIED:
        return "points_only"
    return ""


def _refuse(record: LocalRecord, run: Run, account: Account) -> RefusedRecord:
    account.read += len(record.values)
    for path, value in record.values.items():
        account.line(record.record_id, path, Fate.REFUSED, run.refused.get(path, "policy"), value)
    return RefusedRecord(record.record_id, record.row, tuple(run.problems))


def _write_record(record: RegionalRecord, place: int, ruleset: Ruleset, account: Account, *, own: bool) -> LocalRecord | None:
    """One record in the bank's words, or None where its format cannot say what happened to the record (a cancellation)."""
    values = record.values
    form = str(values.get("source.form", ""))
    if not own or form not in ruleset.plans:
        form = ruleset.form_for_kind[str(values["kind"])]
    run = Run(record.record_id, f"row {place}", own=own)
    operation = OPERATION_OF[str(values["status"])]
    if operation is Operation.CHANGE and operation not in ruleset.operations:
        operation = Operation.DEPOSIT
        run.approximate("status", "no_counterpart", values["status"])
    if operation not in ruleset.operations:
        account.read += len(values) + len(record.extras)
        for path, value in (*values.items(), *((extra.path, extra.value) for extra in record.extras)):
            account.line(record.record_id, path, Fate.DROPPED, "no_counterpart", value)
        return None
    run.carried += ["source.record", "status"]
    if own:
        run.carried += ["source.bank", "source.form"]
    plan = ruleset.plans[form]
    marker = plan.converted if not own and operation is not Operation.CANCEL else None
    if marker is not None:
        run.default(marker.path, "default_applied", marker.value)
    written = _write(values, record.extras, plan, run, account, template=operation is not Operation.CANCEL or own)
    if marker is not None:  # what another bank writes down from us is no original of its own
        written[marker.path] = marker.value
    return LocalRecord(record.record_id, operation, place, form, written)


def _write(
    fields: Mapping[str, RegionalValue], extras: tuple[Extra, ...], plan: Plan, run: Run, account: Account, *, template: bool = True
) -> dict[str, LocalValue]:
    """Run the backward halves and account for every field and extra."""
    out: dict[str, LocalValue] = {}
    if run.own:
        run.restored = {extra.path: extra.value for extra in extras}
    for backward in plan.backward:
        backward(fields, out, run)
    if template:
        for path, blank in plan.template.items():
            out.setdefault(path, blank)
    carried = frozenset(run.carried)
    for path, value in fields.items():
        if path in carried:
            account.mapped += 1
            continue
        reason = run.lost.get(path) or ("derived" if run.own and path in _DERIVED else "no_local_field")
        account.line(run.record, path, Fate.DROPPED, reason, value)
    for extra in extras:
        if run.own:
            out[extra.path] = int(extra.value) if extra.path in plan.integers else extra.value
            account.mapped += 1
        else:
            account.line(run.record, extra.path, Fate.DROPPED, "no_local_field", extra.value)
    account.read += len(fields) + len(extras)
    account.remarks(run)
    return out
