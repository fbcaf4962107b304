"""One Shanghai push, as plain values, read into a part.

The field vocabulary (names, integer types, code values) is that of the published interface; the
envelope around it (`trace_no`, `pushed_at`) and the shapes of ids are our invention.  Three lists
hold three classes of results; rows are numbered through them in the order of `FORMS`, whatever
order the keys have in the file.  Sizes and scores are integers there, and a boolean or a text is
never taken for one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeGuard

from gateway.adapters.fields import (
    MISSING,
    WRONG_TYPE,
    Check,
    Fault,
    FieldRule,
    extra_fault,
    extra_value,
    faults_of,
    has_private_use,
    matching,
    moment,
    number_code,
    record_id,
    text,
    whole,
)
from gateway.errors import Problem, RecordError
from gateway.formats.json_safe import JsonValue
from gateway.model.local import Ignored, LocalLearner, LocalPart, LocalRecord, LocalValue, Operation, Quarantined

REGION = "shanghai"
VERSION = "1"
CHANNEL = Fault("record.unknown_channel", "推送渠道不是本行的", "the channel is not this bank's")
ACCOUNT_FORM = Fault("record.account_form", "cb_id 应为一串数字", "a cb_id is a run of digits")
COUNTER = Fault("record.counter_mismatch", "计数与列表长度不符", "the counter differs from the length of its list")
DUPLICATE = Fault("record.duplicate_id", "同一成果编号出现两次且内容不同", "one outer id stands on two rows that differ")
OTHER_ACCOUNT = Fault("record.other_account", "该行属于另一个账号", "the row belongs to another account")
NOT_COMPLETED = 41
HEAD_KEYS = ("channel", "cb_id", "trace_no", "pushed_at")
LISTS = frozenset({"credit", "certificate_experience", "training"})
HEAD_KNOWN = frozenset({*HEAD_KEYS, "credit_num", "certificate_num", "training_num"})
HEAD_RULES = (FieldRule("trace_no", text(64)), FieldRule("pushed_at", moment))


@dataclass(frozen=True, slots=True)
class Form:
    """One of the three classes.  `rules` are in the order in which a push is written; `checks` are theirs by path."""

    name: str
    id_path: str
    counter: str
    rules: tuple[FieldRule, ...]
    checks: Mapping[str, Check]
    required: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """The `[adapter]` table, checked."""

    channel: str
    account_digits_min: int
    account_digits_max: int
    rows_max: int
    score_max: int
    refuse_counters: bool
    feed_bytes_max: int


def forms_for(score_max: int) -> tuple[Form, ...]:
    """The three classes with their fields.  Only the id and the name are required: a record from elsewhere has no season."""
    name, inst, moment_rule = text(200), FieldRule("inst_name", text(200)), FieldRule("experience_time", moment)
    credit = (
        FieldRule("credit_outer_id", record_id, required=True),
        FieldRule("course_name", name, required=True),
        FieldRule("course_property", number_code(30, 31)),
        FieldRule("course_result_code", number_code(40, NOT_COMPLETED)),
        FieldRule("course_score", whole(0, score_max)),
        FieldRule("course_season", number_code(50, 51)),
        FieldRule("course_subject", text(200)),
        FieldRule("course_year", matching(r"(19|20|21)\d\d")),
        FieldRule("credit", whole(0, 999)),
        FieldRule("credit_hour", whole(0, 99_999)),
        moment_rule,
        inst,
        FieldRule("learning_stage", number_code(20, 21)),
    )
    certificate = (
        FieldRule("cert_exp_outer_id", record_id, required=True),
        FieldRule("certificate_level", text(100)),
        FieldRule("certificate_name", name, required=True),
        moment_rule,
        inst,
    )
    training = (
        FieldRule("training_outer_id", record_id, required=True),
        FieldRule("project_name", name, required=True),
        FieldRule("have_project_certificate", number_code(1, 2)),
        moment_rule,
        inst,
    )
    return (
        _form("credit", "credit_num", credit),
        _form("certificate_experience", "certificate_num", certificate),
        _form("training", "training_num", training),
    )


def _form(name: str, counter: str, rules: tuple[FieldRule, ...]) -> Form:
    """The first rule is the id's."""
    required = tuple(rule.path for rule in rules if rule.required)
    return Form(name, rules[0].path, counter, rules, {rule.path: rule.check for rule in rules}, required)


def account_fault(settings: Settings, account: object) -> Fault | None:
    """The empty text is the declared empty slot of a delivery whose learner has no account named yet."""
    if type(account) is not str:
        return WRONG_TYPE
    if account == "":
        return None
    if not (account.isascii() and account.isdigit()):
        return ACCOUNT_FORM
    return None if settings.account_digits_min <= len(account) <= settings.account_digits_max else ACCOUNT_FORM


def refuse(problems: list[Problem]) -> RecordError:
    """The whole part is refused: the first problem gives the code, all are listed."""
    first = problems[0]
    return RecordError(first.code, first.zh, first.en, problems=tuple(problems))


def rows_in(value: JsonValue, forms: tuple[Form, ...]) -> int:
    """Rows of something that may not even be a push; at least 1, so that it is accounted for."""
    if not isinstance(value, dict):
        return 1
    lists = (value.get(form.name) for form in forms)
    return max(1, sum(len(items) for items in lists if isinstance(items, list)))


@dataclass(frozen=True, slots=True)
class _Head:
    """What a row is held against."""

    account: JsonValue
    pushed_at: LocalValue
    look_closely: bool


def read_push(value: JsonValue, settings: Settings, forms: tuple[Form, ...], *, look_closely: bool = True) -> LocalPart:
    """Read one learner's push.  Raises RecordError for a fault of the whole; damaged rows are quarantined.

    `look_closely` False says that the bytes hold no private-use character (see `may_hold_private_use`).
    """
    if not isinstance(value, dict):
        raise RecordError("record.not_one_push", "应为一个推送对象", "one push, a JSON object, is expected")
    values, warnings = _read_head(value, settings, forms)
    records: list[LocalRecord] = []
    quarantined: list[Quarantined] = []
    head = _Head(value["cb_id"], values.get("pushed_at"), look_closely)
    row = 0
    for form in forms:
        for item in _list(value, form):
            row += 1
            read = _read_row(item, row, form, head)
            if isinstance(read, LocalRecord):
                records.append(read)
            else:
                quarantined.append(read)
    kept, ignored = _one_row_an_id(records, quarantined)
    return LocalPart(
        region=REGION,
        version=VERSION,
        learner=LocalLearner(account=str(head.account)),
        values=values,
        records=tuple(kept),
        quarantined=tuple(sorted(quarantined, key=lambda damaged: damaged.row)),
        ignored=tuple(ignored),
        warnings=tuple(warnings),
    )


def _list(value: Mapping[str, JsonValue], form: Form) -> list[JsonValue]:
    items = value.get(form.name)
    return items if isinstance(items, list) else []


def _read_head(value: dict[str, JsonValue], settings: Settings, forms: tuple[Form, ...]) -> tuple[dict[str, LocalValue], list[str]]:
    """Everything beside the three lists.  Part-level faults are raised together."""
    problems = _head_problems(value, settings)
    warnings: list[str] = []
    total = 0
    for form in forms:
        if form.name in value and not isinstance(value[form.name], list):
            problems.append(WRONG_TYPE.at(form.name))
        length = len(_list(value, form))
        total += length
        _check_counter(value, form, length, settings, problems, warnings)
    if total > settings.rows_max:
        problems.append(Problem("", "record.too_many_rows", "推送的记录数过多", "the push has too many rows"))
    values = {key: extra_value(item) for key, item in value.items() if key not in LISTS}
    unknown = not values.keys() <= HEAD_KNOWN
    if unknown:
        warnings.append("unknown_field_kept")
    if problems or unknown:  # known keys without a fault so far have none as extras either
        faults = [extra_fault(key, item) for key, item in values.items()]
        problems += [fault.at("/") for fault in faults if fault is not None]
    if problems:
        raise refuse(problems)
    return values, sorted(set(warnings))


def _head_problems(value: dict[str, JsonValue], settings: Settings) -> list[Problem]:
    problems = []
    if "channel" not in value:
        problems.append(MISSING.at("channel"))
    elif value["channel"] != settings.channel:
        problems.append(CHANNEL.at("channel"))
    fault = account_fault(settings, value["cb_id"]) if "cb_id" in value else MISSING
    if fault is not None:
        problems.append(fault.at("cb_id"))
    return problems + faults_of(HEAD_RULES, value, "")


def _check_counter(
    value: dict[str, JsonValue], form: Form, length: int, settings: Settings, problems: list[Problem], warnings: list[str]
) -> None:
    counter = value.get(form.counter)
    if form.counter not in value:
        if length:
            warnings.append("counter_mismatch")
    elif type(counter) is not int:
        problems.append(WRONG_TYPE.at(form.counter))
    elif counter != length:
        if settings.refuse_counters:
            problems.append(COUNTER.at(form.counter))
        warnings.append("counter_mismatch")


def _read_row(item: JsonValue, row: int, form: Form, head: _Head) -> LocalRecord | Quarantined:
    """A row without fault or surprise is taken as it was decoded; only the others are gone through value by value."""
    if _as_promised(item, form):
        return LocalRecord(str(item[form.id_path]), Operation.DEPOSIT, row, form.name, item, _issues(item, head))
    return _read_closely(item, row, form, head)


def _as_promised(item: JsonValue, form: Form) -> TypeGuard[dict[str, LocalValue]]:
    """Every value has a known name and passes its check (so none is a list or an object), and nothing required is missing."""
    if not isinstance(item, dict):
        return False
    for key, value in item.items():
        check = form.checks.get(key)
        if check is None or (value is not None and check(value) is not None):
            return False
    return None not in map(item.get, form.required)


def _read_closely(item: JsonValue, row: int, form: Form, head: _Head) -> LocalRecord | Quarantined:
    place = f"row {row}"
    if not isinstance(item, dict):
        return Quarantined(row, "", (WRONG_TYPE.at(place),))
    problems = [MISSING.at(f"{place}/{path}") for path in form.required if item.get(path) is None]
    values: dict[str, LocalValue] = {}
    for key, value in item.items():
        check = form.checks.get(key)
        if check is None:
            values[key] = extra_value(value)
            fault, where = extra_fault(key, values[key]), place
            if fault is None and key == "cb_id" and value != head.account:
                fault = OTHER_ACCOUNT
        else:
            fault, where = (None if value is None else check(value)), f"{place}/{key}"
            values[key] = None if isinstance(value, (dict, list)) else value
        if fault is not None:
            problems.append(fault.at(where))
    given = values.get(form.id_path)
    outer_id = given if isinstance(given, str) and record_id(given) is None else ""
    if problems:
        return Quarantined(row, outer_id, tuple(problems))
    return LocalRecord(
        outer_id, Operation.DEPOSIT, row, form.name, values, _issues(values, head, unknown=not values.keys() <= form.checks.keys())
    )


def _issues(values: Mapping[str, LocalValue], head: _Head, *, unknown: bool = False) -> tuple[str, ...]:
    """Quality issues that need no other knowledge than the push itself, sorted."""
    issues = []
    taken = values.get("experience_time")
    if isinstance(taken, str) and isinstance(head.pushed_at, str) and taken > head.pushed_at:
        issues.append("future_date")
    if head.look_closely and has_private_use(values):
        issues.append("private_use_character")
    if values.get("course_result_code") == NOT_COMPLETED:
        issues.append("programme_not_graduated")
    if unknown:
        issues.append("unknown_field_kept")
    return tuple(issues)


def _one_row_an_id(records: list[LocalRecord], quarantined: list[Quarantined]) -> tuple[list[LocalRecord], list[Ignored]]:
    """An id names one result.  A row said twice is ignored once; rows that differ under one id are all damaged, in whatever order."""
    groups: dict[str, list[LocalRecord]] = {}
    for record in records:
        groups.setdefault(record.record_id, []).append(record)
    damaged_ids = {damaged.record_id for damaged in quarantined}
    if len(groups) == len(records) and damaged_ids.isdisjoint(groups):
        return records, []
    kept: list[LocalRecord] = []
    ignored: list[Ignored] = []
    for outer_id, rows in groups.items():
        first = rows[0]
        if outer_id in damaged_ids or any((row.form, row.values) != (first.form, first.values) for row in rows):
            quarantined += [Quarantined(row.row, outer_id, (DUPLICATE.at(f"row {row.row}"),)) for row in rows]
        else:
            kept.append(first)
            ignored += [Ignored(row.row, "repeated_row") for row in rows[1:]]
    return kept, ignored
