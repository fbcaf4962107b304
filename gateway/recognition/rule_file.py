"""A rule file (TOML) read into a rule set, or every place where it is wrong.

The format is `ceg-rules-1`, ours, described in docs/rules.md.  It is closed: what is not listed here is refused, so a rule cannot
name points, sessions, leisure learning or code.  Meaning across rules is judged by `lint`.
"""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from gateway.errors import Problem, RecognitionError
from gateway.model.codes import CodeTables
from gateway.model.regional import Kind
from gateway.recognition.rule_findings import Findings
from gateway.recognition.rule_needs import read_needs
from gateway.recognition.rule_places import Places
from gateway.recognition.rule_tables import TableReader
from gateway.recognition.rules import ACADEMIC_KINDS, FORMAT, Caps, Cardinality, Group, GroupReason, Hours, Rule, RuleSet

BYTES_MAX: Final = 8 * 1024 * 1024
RULES_MAX: Final = 10_000
GROUPS_MAX: Final = 1_000
NEEDS_MAX: Final = 4
TARGETS_MAX: Final = 12
_PERCENT_MAX: Final = Decimal(100)
_TOP: Final = frozenset(
    {"format", "id", "version", "zh", "en", "accepting", "sources", "programmes", "effective", "review", "demonstration", "hours", "caps",
     "group", "rule"}
)  # fmt: skip
_CAPS: Final = frozenset({"programme_percent", "resident_credits_min", "credit_step", "kind_percent", "category_credits"})
_HOURS: Final = ("unit_minutes", "theory_units_per_credit", "practice_units_per_credit", "rounding_step")
_RULE: Final = frozenset(
    {"id", "zh", "en", "priority", "cardinality", "need", "to", "to_standard", "credits", "catalogue", "group", "exam_still_required"}
)
_BARRED: Final = dict.fromkeys(("points", "hours", "sessions", "units", "minutes", "per_point", "per_hour"), "recognition.points_rule")
_NOT_CREDITS: Final = frozenset({"points", "hours", "sessions", "units", "minutes", "积分", "学时", "课时", "次数", "分钟"})


def read_rules(name: str, raw: bytes, codes: CodeTables) -> tuple[RuleSet | None, Findings]:
    """The rule set of one file; None where something is wrong, and then the findings say everything."""
    try:
        text = raw.decode("utf-8")
        table = tomllib.loads(text) if len(raw) <= BYTES_MAX else None
    except (ValueError, RecursionError):
        table, text = None, ""
    findings = Findings(name, Places(text))
    if table is None:
        findings.add((), "recognition.bad_toml")
        return None, findings
    rule_set = _read(TableReader(table, (), findings), codes)
    return (None if findings.problems else rule_set), findings


def load_rules(name: str, raw: bytes, codes: CodeTables) -> RuleSet:
    """As `read_rules`, for a file that is meant to be right.  Raises RecognitionError (recognition.bad_rule_set) with every problem."""
    rule_set, findings = read_rules(name, raw, codes)
    if rule_set is None:
        raise bad_rule_set(tuple(findings.problems))
    return rule_set


def bad_rule_set(problems: tuple[Problem, ...]) -> RecognitionError:
    """The fault of a whole file."""
    return RecognitionError("recognition.bad_rule_set", "规则文件有误", "the rule file is wrong", problems=problems)


def _read(top: TableReader, codes: CodeTables) -> RuleSet:
    top.only(_TOP)
    if top.table.get("format") != FORMAT:
        top.fault("format", "recognition.bad_setting", f"应为 {FORMAT}", f"must be {FORMAT}")
    banks = [entry.code for entry in codes["member"] if entry.columns.get("role") == "bank"]
    accepting = top.id("accepting")
    if accepting and accepting not in banks:
        top.fault("accepting", "recognition.unknown_code", accepting, accepting)
    effective, review = top.day("effective"), top.day("review")
    if review <= effective:
        top.fault("review", "recognition.bad_period")
    sources = top.codes("sources", banks)
    if accepting in sources:
        top.fault("sources", "recognition.bad_setting", "不应含接收行自己", "the accepting bank is not its own source")
    groups = tuple(_group(each) for each in top.each("group", GROUPS_MAX))
    rules = tuple(
        _rule(each, place, codes, frozenset(group.id for group in groups)) for place, each in enumerate(top.each("rule", RULES_MAX))
    )
    if not rules:
        top.fault("rule", "recognition.missing_setting")
    _unique(top, "rule", [rule.id for rule in rules])
    _unique(top, "group", [group.id for group in groups])
    return RuleSet(
        id=top.id("id"),
        version=top.id("version"),
        accepting=accepting,
        zh=top.text("zh"),
        en=top.text("en"),
        effective=effective,
        review=review,
        demonstration=top.flag("demonstration"),
        sources=sources,
        programmes=frozenset(top.texts("programmes")),
        hours=tuple(_hours(each) for each in top.each("hours", 20)),
        caps=_caps(top.under("caps")),
        groups=groups,
        rules=rules,
    )


def _unique(top: TableReader, key: str, ids: list[str]) -> None:
    for place, name in enumerate(ids):
        if name and name in ids[:place]:
            top.findings.add((key, place, "id"), "recognition.repeated_id", name, name)


def _caps(table: TableReader) -> Caps:
    table.only(_CAPS)
    for key in ("programme_percent", "resident_credits_min"):
        if key not in table.table:
            table.fault(key, "recognition.missing_setting")
    step = table.number("credit_step", above_zero=True)
    kinds = table.under("kind_percent")
    for kind in kinds.table:
        if kind not in frozenset(Kind):
            kinds.fault(kind, "recognition.unknown_code", kind, kind)
        elif kind not in ACADEMIC_KINDS:
            kinds.fault(kind, "recognition.leisure_rule")
    return Caps(
        programme_percent=table.number("programme_percent", most=_PERCENT_MAX) or Decimal(0),
        resident_credits_min=table.number("resident_credits_min") or Decimal(0),
        credit_step=step if step is not None else Decimal("0.5"),
        kind_percent=_numbers(kinds, _PERCENT_MAX),
        category_credits=_numbers(table.under("category_credits")),
    )


def _numbers(table: TableReader, most: Decimal = Decimal(1000)) -> Mapping[str, Decimal]:
    read = {key: table.number(key, most=most) for key in table.table}
    return {key: number for key, number in read.items() if number is not None}


def _hours(table: TableReader) -> Hours:
    table.only(frozenset({"policy", *_HOURS}))
    for key in _HOURS:
        if key not in table.table:
            table.fault(key, "recognition.missing_setting")
    return Hours(table.id("policy"), *(table.number(key, above_zero=True) or Decimal(1) for key in _HOURS))


def _group(table: TableReader) -> Group:
    table.only(frozenset({"id", "zh", "en", "reason"}))
    reason = table.choice("reason", GroupReason, "")
    if "reason" not in table.table:
        table.fault("reason", "recognition.missing_setting")
    return Group(table.id("id"), table.text("zh"), table.text("en"), GroupReason(reason or GroupReason.HIGHEST_ONLY))


def _rule(table: TableReader, place: int, codes: CodeTables, groups: frozenset[str]) -> Rule:
    name = table.id("id")
    table.rule = name
    table.only(_RULE, _BARRED)
    group = table.id("group") if "group" in table.table else ""
    if group and group not in groups:
        table.fault("group", "recognition.unknown_group", group, group)
    rule = Rule(
        id=name,
        place=place,
        zh=table.text("zh"),
        en=table.text("en"),
        cardinality=Cardinality(table.choice("cardinality", Cardinality, Cardinality.ONE_TO_ONE)),
        needs=read_needs(table.each("need", NEEDS_MAX), codes),
        to=table.texts("to"),
        to_standard=table.texts("to_standard"),
        credits=_credits(table),
        catalogue=table.id("catalogue") if "catalogue" in table.table else "",
        group=group,
        exam_still_required=table.flag("exam_still_required"),
        priority=table.whole("priority", -1000, 1000) or 0,
    )
    _fits(table, rule)
    return rule


def _credits(table: TableReader) -> tuple[Decimal, ...] | None:
    """`"record"`, a number as text, or one number for each course."""
    value = table.table.get("credits")
    if value is None:
        table.fault("credits", "recognition.missing_setting")
        return None
    if value == "record":
        return None
    if isinstance(value, str) and value in _NOT_CREDITS:
        table.fault("credits", "recognition.points_rule")
        return None
    listed = value if isinstance(value, list) else [value]
    read = [table.decimal("credits", each) for each in listed]
    return tuple(number for number in read if number is not None) or (Decimal(0),)


def _fits(table: TableReader, rule: Rule) -> None:
    """The cardinality against the numbers of needs, courses and credits."""
    targets = len(rule.to) + len(rule.to_standard)
    many = rule.cardinality is Cardinality.MANY_TO_ONE
    if targets == 0 or (rule.to and rule.to_standard):
        table.fault("to", "recognition.missing_setting", "须有 to 或 to_standard 之一", "exactly one of to and to_standard")
    if targets > TARGETS_MAX:
        table.fault("to", "recognition.bad_setting", f"至多 {TARGETS_MAX} 门课程", f"{TARGETS_MAX} courses at most")
    if len(rule.needs) < 2 if many else len(rule.needs) != 1:
        words = ("多对一须有两项以上成果", "many-to-one has two needs or more") if many else ("须恰有一项成果", "exactly one need")
        table.fault("need", "recognition.bad_cardinality", *words)
    if rule.cardinality is Cardinality.ONE_TO_MANY and targets < 2:
        table.fault("to", "recognition.bad_cardinality", "一对多须有两门以上课程", "one-to-many has two courses or more")
    if rule.credits is not None and len(rule.credits) not in (1, targets):
        table.fault("credits", "recognition.bad_cardinality", "每门课程一个学分数,或共用一个", "one number for each course, or one for all")
    if rule.catalogue and rule.credits is None:
        table.fault(
            "catalogue",
            "recognition.bad_setting",
            "目录核定学分的规则须写明学分",
            "a rule whose credits a catalogue entry fixes names them",
        )
