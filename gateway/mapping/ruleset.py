"""A province's rule file, read into closures once at load.

The file is data: an id, a version, and lists of declarations that each name local paths, regional
fields and a transform of the closed catalogue.  Reading never stops at the first fault: every
unknown transform, field, code, setting and every path claimed twice is reported together.
What a record class needs while records pass (which closures, which paths are dropped and why) is
settled here, as a `Plan`, so that the engine only looks up.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import MappingError, Problem
from gateway.mapping.declaration import FIELDS, Declaration, Issuer
from gateway.mapping.plan import Marker, Plan, Ruleset, Step, Unfit
from gateway.mapping.policy import Policies
from gateway.mapping.transforms import CATALOGUE
from gateway.model.codes import CodeTables
from gateway.model.local import Operation
from gateway.model.regional import LEARNER_FIELDS, RECORD_FIELDS, STANDARD_VERSION, Kind

BYTES_MAX: Final = 256 * 1024
RULES_MAX: Final = 500
_RULE_KEYS: Final = frozenset({"id", "local", "field", "do", "forms"})
_TOP_KEYS: Final = frozenset(
    {
        "id", "version", "region", "member", "format_version", "standard", "policy", "forms", "form_for_kind",
        "blank", "operations", "personal", "leisure_convertible", "issuer", "part", "record", "keep", "drop", "template", "not_convertible",
        "converted",
    }
)  # fmt: skip
_LEARNER_PATHS: Final = frozenset(field.path for field in LEARNER_FIELDS)
_RECORD_PATHS: Final = frozenset(field.path for field in RECORD_FIELDS)
PART: Final = ""


class _Reader:
    """Reads one file's tables and collects what is wrong."""

    def __init__(self, name: str, table: Mapping[str, object], codes: CodeTables) -> None:
        self.name = name
        self.table = table
        self.codes = codes
        self.problems: list[Problem] = []

    def fault(self, path: str, code: str, zh: str, en: str) -> None:
        self.problems.append(Problem(f"{self.name}: {path}", code, zh, en))

    def text(self, key: str, *, among: Iterable[str] = (), default: str | None = None) -> str:
        value = self.table.get(key, default)
        choices = tuple(among)
        if not isinstance(value, str) or not value or (choices and value not in choices):
            self.fault(key, "mapping.bad_setting", "缺少此项或取值不对", "missing, or a wrong value")
            return choices[0] if choices else ""
        return value

    def texts(self, table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
        value = table.get(key, [])
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(word, str) and word for word in found):
            self.fault(f"{where}.{key}", "mapping.bad_setting", "应为文本或文本列表", "a text or a list of texts")
            return ()
        return tuple(found)

    def tables(self, key: str) -> list[Mapping[str, object]]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value) or len(value) > RULES_MAX:
            self.fault(key, "mapping.bad_setting", f"应为至多 {RULES_MAX} 个表", f"at most {RULES_MAX} tables")
            return []
        return value

    def pairs(self, key: str) -> dict[str, str]:
        value = self.table.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(inner, str) for inner in value.values()):
            self.fault(key, "mapping.bad_setting", "应为文本对照表", "a table of texts")
            return {}
        return value

    def known(self, code_set: str, code: str, where: str) -> None:
        if self.codes.lookup(code_set, code) is None:
            self.fault(where, "mapping.unknown_code", f"代码集 {code_set} 中没有 {code}", f"code set {code_set} has no {code}")


def read_ruleset(name: str, raw: bytes, codes: CodeTables, policies: Policies) -> Ruleset:
    """Compile one rule file; `name` is the file's, for messages.

    Raises MappingError (mapping.bad_ruleset) with every problem of the file.
    """
    try:
        if len(raw) > BYTES_MAX:
            raise ValueError("too big")
        table = tomllib.loads(raw.decode("utf-8"))
    except ValueError as error:
        problem = Problem(name, "mapping.bad_toml", "不是合格的 TOML,或文件过大", "not well-formed TOML, or too big")
        raise bad_ruleset((problem,)) from error
    reader = _Reader(name, table, codes)
    ruleset = _read(reader, policies)
    if reader.problems:
        raise bad_ruleset(tuple(reader.problems))
    return ruleset


def bad_ruleset(problems: tuple[Problem, ...]) -> MappingError:
    return MappingError("mapping.bad_ruleset", "映射规则文件有误", "the mapping rules are wrong", problems=problems)


def _read(reader: _Reader, policies: Policies) -> Ruleset:
    table = reader.table
    for key in sorted(set(table) - _TOP_KEYS):
        reader.fault(key, "mapping.unknown_setting", "没有这一设置", "there is no such setting")
    forms = reader.texts(table, "forms", "")
    if not forms:
        reader.fault("forms", "mapping.missing_setting", "至少列出一个记录类别", "at least one record class is listed")
    reader.text("standard", among=(STANDARD_VERSION,))
    policy = reader.text("policy", among=policies.by_id)
    member = reader.text("member")
    reader.known("member", member, "member")
    form_for_kind = reader.pairs("form_for_kind")
    for kind in Kind:
        if form_for_kind.get(kind.value) not in forms:
            reader.fault(
                f"form_for_kind.{kind.value}", "mapping.missing_setting", "每类成果须有记录类别", "every kind needs a record class"
            )
    leisure = table.get("leisure_convertible", policies.by_id[policy].leisure_convertible)
    if not isinstance(leisure, bool):
        reader.fault("leisure_convertible", "mapping.bad_setting", "应为 true 或 false", "true or false")
    words = reader.texts(table, "operations", "") or tuple(Operation)
    operations = frozenset(operation for operation in Operation if operation in words)
    if len(operations) != len(words):
        reader.fault("operations", "mapping.bad_setting", "含未知的操作", "holds an unknown operation")
    issuers = _issuers(reader)
    plans, part = _plans(reader, forms, issuers)
    return Ruleset(
        id=reader.text("id"),
        version=reader.text("version"),
        region=reader.text("region"),
        member=member,
        format_version=reader.text("format_version"),
        policy=policy,
        leisure_convertible=leisure is True,
        blank_kept=reader.text("blank", among=("kept", "absent"), default="kept") == "kept",
        operations=operations,
        personal=frozenset(reader.texts(table, "personal", "")),
        form_for_kind=form_for_kind,
        plans=plans,
        part=part,
        institutions={issuer.uscc: issuer.names[0] for issuer in issuers},
    )


@dataclass(slots=True)
class _Rule:
    """A compiled step with the classes it serves; PART stands for part-level values."""

    step: Step
    forms: frozenset[str]
    blank: bool
    number: bool


def _plans(reader: _Reader, forms: tuple[str, ...], issuers: tuple[Issuer, ...]) -> tuple[dict[str, Plan], Plan]:
    rules = [*_rules(reader, "record", forms, issuers), *_rules(reader, "part", (PART,), issuers)]
    names = [rule.step.id for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        reader.fault(name, "mapping.repeated_id", "标识重复", "an id stands twice")
    dropped, kept, integers = _leftovers(reader, forms)
    unfit = _unfit(reader, forms)
    template = _template(reader, forms)
    converted = _converted(reader, forms)
    plans = {}
    for form in (*forms, PART):
        mine = [rule for rule in rules if form in rule.forms]
        plans[form] = _plan(
            reader, form, mine, dropped[form], kept[form], integers[form], template[form], (unfit[form], converted.get(form))
        )
    return {form: plans[form] for form in forms}, plans[PART]


def _plan(
    reader: _Reader,
    form: str,
    rules: list[_Rule],
    dropped: dict[str, str],
    kept: set[str],
    integers: set[str],
    template: dict[str, str | None],
    convertibility: tuple[tuple[Unfit, ...], Marker | None],
) -> Plan:
    unfit, converted = convertibility
    marked = [converted.path] if converted is not None else []
    claims = [path for rule in rules for path in rule.step.local] + list(dropped) + list(kept) + marked
    for path in sorted({path for path in claims if claims.count(path) > 1}):
        reader.fault(f"{form or 'part'}: {path}", "mapping.repeated_path", "同一路径有两种处理", "a path is claimed twice")
    steps = tuple(rule.step for rule in rules)
    return Plan(
        steps=steps,
        forward=tuple(step.forward for step in steps),
        backward=tuple(step.backward for step in steps if step.backward is not None),
        mapped=frozenset(path for step in steps for path in step.local),
        blank=frozenset(path for rule in rules if rule.blank for path in rule.step.local),
        dropped=dropped,
        kept=frozenset((*kept, *marked)),
        integers=frozenset(integers).union(*(rule.step.local for rule in rules if rule.number)),
        template=template,
        unfit=unfit,
        converted=converted,
    )


def _rules(reader: _Reader, key: str, forms: tuple[str, ...], issuers: tuple[Issuer, ...]) -> list[_Rule]:
    paths = _RECORD_PATHS if key == "record" else _LEARNER_PATHS
    found = []
    for place, table in enumerate(reader.tables(key), 1):
        name = table.get("id")
        where = name if isinstance(name, str) and name else f"{key} {place}"
        if where is not name:
            reader.fault(where, "mapping.missing_setting", "规则缺少 id", "a rule has no id")
        fields = reader.texts(table, "field", where)
        for path in fields:
            if path not in paths:
                reader.fault(where, "mapping.unknown_field", f"区域标准没有字段 {path}", f"the standard has no field {path}")
        wanted = frozenset(reader.texts(table, "forms", where) or forms)
        for form in sorted(wanted - set(forms)):
            reader.fault(where, "mapping.unknown_form", f"未列出的记录类别 {form}", f"record class {form} is not listed")
        transform = str(table.get("do", ""))
        builder = CATALOGUE.get(transform)
        if builder is None:
            reader.fault(where, "mapping.unknown_transform", f"没有变换 {transform}", f"there is no transform {transform}")
        if builder is None or not set(fields) <= paths:
            continue
        settings = {setting: value for setting, value in table.items() if setting not in _RULE_KEYS}
        local = reader.texts(table, "local", where)
        rule = Declaration(where, transform, local, fields, wanted, settings, reader.codes, issuers, reader.problems)
        halves = builder(rule)
        rule.finish()
        if halves is not None:
            found.append(_Rule(Step(where, transform, local, fields, halves.forward, halves.backward), wanted, halves.blank, halves.number))
    return found


def _issuers(reader: _Reader) -> tuple[Issuer, ...]:
    found = []
    for place, table in enumerate(reader.tables("issuer"), 1):
        names = reader.texts(table, "names", f"issuer {place}")
        code = table.get("uscc")
        if not names or not isinstance(code, str):
            reader.fault(f"issuer {place}", "mapping.missing_setting", "缺少 uscc 或 names", "uscc or names is missing")
            continue
        found.append(Issuer(code, names))
    spellings = [name for issuer in found for name in issuer.names]
    for name in sorted({name for name in spellings if spellings.count(name) > 1}):
        reader.fault(f"issuer {name}", "mapping.repeated_id", "同一名称指向两个机构", "one name for two organisations")
    return tuple(found)


def _scope(reader: _Reader, table: Mapping[str, object], where: str, forms: tuple[str, ...]) -> tuple[str, ...]:
    """The classes a keep, drop or not_convertible table speaks of: `of = "part"`, or record classes (all by default)."""
    if table.get("of") == "part":
        return (PART,)
    wanted = reader.texts(table, "forms", where) or forms
    for form in sorted(set(wanted) - set(forms)):
        reader.fault(where, "mapping.unknown_form", f"未列出的记录类别 {form}", f"record class {form} is not listed")
    return tuple(form for form in wanted if form in forms)


def _leftovers(reader: _Reader, forms: tuple[str, ...]) -> tuple[dict[str, dict[str, str]], dict[str, set[str]], dict[str, set[str]]]:
    dropped: dict[str, dict[str, str]] = {form: {} for form in (*forms, PART)}
    kept: dict[str, set[str]] = {form: set() for form in (*forms, PART)}
    integers: dict[str, set[str]] = {form: set() for form in (*forms, PART)}
    for place, table in enumerate(reader.tables("drop"), 1):
        reason = table.get("reason")
        reader.known("loss_reason", str(reason), f"drop {place}")
        for form in _scope(reader, table, f"drop {place}", forms):
            dropped[form] |= dict.fromkeys(reader.texts(table, "local", f"drop {place}"), str(reason))
    for place, table in enumerate(reader.tables("keep"), 1):
        paths = reader.texts(table, "local", f"keep {place}")
        for form in _scope(reader, table, f"keep {place}", forms):
            kept[form].update(paths)
            if table.get("number") is True:
                integers[form].update(paths)
    return dropped, kept, integers


def _unfit(reader: _Reader, forms: tuple[str, ...]) -> dict[str, tuple[Unfit, ...]]:
    found: dict[str, list[Unfit]] = {form: [] for form in (*forms, PART)}
    for place, table in enumerate(reader.tables("not_convertible"), 1):
        where = f"not_convertible {place}"
        reason, field, local, value = (table.get(key) for key in ("reason", "field", "local", "value"))
        reader.known("not_convertible", str(reason), where)
        if not isinstance(value, str) or isinstance(field, str) == isinstance(local, str):
            reader.fault(where, "mapping.bad_setting", "须有 value 以及 field 或 local 之一", "value, and one of field and local")
            continue
        if isinstance(field, str) and field not in FIELDS:
            reader.fault(where, "mapping.unknown_field", f"区域标准没有字段 {field}", f"the standard has no field {field}")
        condition = Unfit(str(field if isinstance(field, str) else local), isinstance(field, str), value, str(reason))
        for form in _scope(reader, table, where, forms):
            found[form].append(condition)
    return {form: tuple(conditions) for form, conditions in found.items()}


def _converted(reader: _Reader, forms: tuple[str, ...]) -> dict[str, Marker]:
    """`[[converted]]`: the local path and value that mark a record which the bank holds only by a conversion.  One for each class."""
    found: dict[str, Marker] = {}
    for place, table in enumerate(reader.tables("converted"), 1):
        where = f"converted {place}"
        local, value = table.get("local"), table.get("value")
        if not isinstance(local, str) or not local or not isinstance(value, str) or not value:
            reader.fault(where, "mapping.bad_setting", "须有 local 与 value", "local and value, both texts")
            continue
        for form in _scope(reader, table, where, forms):
            if form in found or form == PART:
                reader.fault(where, "mapping.bad_setting", "每个记录类别至多一个标记", "one mark at most for each record class")
            found[form] = Marker(local, value)
    return found


def _template(reader: _Reader, forms: tuple[str, ...]) -> dict[str, dict[str, str | None]]:
    """`[[template]]`: paths the format always writes; `write` is `null` or `empty` where there is nothing to say."""
    found: dict[str, dict[str, str | None]] = {form: {} for form in (*forms, PART)}
    for place, table in enumerate(reader.tables("template"), 1):
        where = f"template {place}"
        written = table.get("write")
        if written not in ("null", "empty"):
            reader.fault(where, "mapping.bad_setting", "write 应为 null 或 empty", "write is null or empty")
        for form in _scope(reader, table, where, forms):
            found[form] |= dict.fromkeys(reader.texts(table, "local", where), None if written == "null" else "")
    return found
