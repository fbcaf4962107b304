"""Levels, certificates, education: values that mean something only inside a scheme.

A level without its framework, a code without its vintage and 高级 without a scheme are ambiguous and
never guessed.  Crosswalks come from the code tables with their confidence; nothing is converted upward
on an approximate one.  Lookups are built once at load.
"""

from collections.abc import Mapping
from typing import Final

from gateway.mapping.declaration import Builder, Declaration, Halves, LocalValues, RegionalValues
from gateway.mapping.loss import Run
from gateway.model.identifiers import IdentifierError, certificate_scheme, hrss_certificate
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue

_LEVEL_FIELDS: Final = ("level.framework", "level.code", "level.regional", "level.confidence")


def _level(rule: Declaration) -> Halves | None:
    """A level and its framework's name.  `frameworks` maps the bank's names to codes of `level_framework`; the first is its own.

    Forward adds the regional level with its confidence.  Backward another framework's level is carried only over two exact rows.
    """
    if not rule.shape(2, 4) or rule.fields != _LEVEL_FIELDS:
        rule.fault("mapping.wrong_arity", "level 规则的字段顺序是固定的", "a level rule names its four fields in the standard's order")
        return None
    path, framework_path = rule.local
    names = {name: str(code) for name, code in rule.table("frameworks").items()}
    for code in names.values():
        rule.knows("level_framework", code)
    if not names:
        rule.fault("mapping.bad_setting", "level 规则须列出 frameworks", "a level rule lists its frameworks")
        return None
    crosswalk = {
        (entry.columns["framework"], entry.columns["level"]): (int(entry.columns["regional"]), entry.columns["confidence"])
        for entry in rule.codes["level-crosswalk"]
    }
    name_of = {code: name for name, code in reversed(names.items())}
    own = next(iter(names.values()))
    exact = {regional: level for (framework, level), (regional, sure) in crosswalk.items() if framework == own and sure == "exact"}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        level, name = values.get(path), values.get(framework_path)
        if not level:
            if name:
                run.kept[framework_path] = "empty"
            return
        if not name:
            run.refuse(path, "mapping.no_code_set")
            return
        framework = names.get(str(name))
        found = crosswalk.get((framework, str(level))) if framework else None
        if framework is None or found is None:
            run.refuse(path if framework else framework_path, "mapping.unknown_code")
            return
        out["level.framework"], out["level.code"] = framework, str(level)
        out["level.regional"], out["level.confidence"] = found
        if found[1] != "exact":
            run.issues.append("level_approximate")
            run.approximate(path, "no_counterpart", level)

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        framework, code = str(fields.get("level.framework", "")), str(fields.get("level.code", ""))
        if not code:
            return
        regional, sure = fields.get("level.regional"), fields.get("level.confidence")
        if framework in name_of:
            out[path], out[framework_path] = code, name_of[framework]
        elif sure == "exact" and isinstance(regional, int) and regional in exact:
            out[path], out[framework_path] = exact[regional], name_of[own]
            run.approximate("level.code", "narrower_scale", f"{framework} {code}")
        else:
            for field in _LEVEL_FIELDS:
                if field in fields:
                    run.lost[field] = "no_counterpart"
            return
        for field in _LEVEL_FIELDS[:2]:
            run.carried.append(field)
        for field in _LEVEL_FIELDS[2:]:
            if field in fields:
                run.lost[field] = "derived"

    return Halves(forward, backward)


def _skill_level(rule: Declaration) -> Halves | None:
    """A skill level in words (`text`) or as the scheme's digit (`digit`).

    The words are always kept; the level is set only where they are an alias of the code table, so 高级 alone sets none.
    """
    if not rule.shape(1, 2):
        return None
    (path,), (text_field, level_field) = rule.local, rule.fields
    digit = rule.text("written", "text", among=("text", "digit")) == "digit"
    table = rule.codes["skill_level"]
    levels = {entry.code: entry.zh for entry in table}
    aliases = {alias: entry.code for entry in table for alias in entry.aliases()}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str or (digit and (value not in levels or not value.isdigit())):
            run.refuse(path, "mapping.unknown_code")
            return
        level = value if digit else aliases.get(value)
        if not digit:
            out[text_field] = value
        if level is None:
            run.issues.append("level_text_ambiguous")
        else:
            out[level_field] = level

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        text, level = fields.get(text_field), fields.get(level_field)
        if digit:
            if isinstance(level, str) and level.isdigit():
                out[path] = level
                run.carried.append(level_field)
                if text is not None:
                    run.lost[text_field] = "derived"
            elif level is not None:
                run.lost[level_field] = "no_counterpart"
        elif text is not None:
            out[path] = str(text)
            run.carried.append(text_field)
            if level is not None:
                run.lost[level_field] = "derived"
        elif level is not None:
            out[path] = levels[str(level)]
            run.carried.append(level_field)

    return Halves(forward, backward)


def _remark(rule: Declaration) -> Halves | None:
    """A remark; where it is nothing but the words of a skill level, it is read as one too."""
    if not rule.shape(1, 3):
        return None
    (path,), (field, text_field, level_field) = rule.local, rule.fields
    table = rule.codes["skill_level"]
    aliases = {alias: entry.code for entry in table for alias in entry.aliases()}
    levels = {entry.code: entry.zh for entry in table}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str:
            run.refuse(path, "mapping.impossible_value")
            return
        out[field] = value
        level = aliases.get(value.strip())
        if level is not None and out.get("kind") in ("SKILL_CERT", "QUAL_CERT"):
            out[text_field], out[level_field] = value.strip(), level

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        remark, text, level = fields.get(field), fields.get(text_field), fields.get(level_field)
        words = str(text) if text is not None else levels[str(level)] if level is not None else ""
        if remark is None and words:
            out[path] = words
            run.carried.append(text_field if text is not None else level_field)
            if text is not None and level is not None:
                run.lost[level_field] = "derived"
        elif remark is not None:
            out[path] = str(remark)
            run.carried.append(field)
            same = bool(words) and str(remark).strip() == words
            for found in (text_field, level_field):
                if found in fields:
                    run.lost[found] = "derived" if same else "no_local_field"

    return Halves(forward, backward)


def _certificate(rule: Declaration) -> Halves | None:
    """A certificate number and the scheme its form belongs to.  A number a spreadsheet has cut is refused, never repaired.

    `kinds` corrects the achievement kind by the scheme (HRSS, OLD_QUAL), where the bank has one class for both.
    """
    if not rule.shape(1, 2):
        return None
    (path,), (number_field, scheme_field) = rule.local, rule.fields
    kinds = {scheme: str(kind) for scheme, kind in rule.table("kinds").items()}
    for scheme, kind in kinds.items():
        rule.knows("certificate_scheme", scheme)
        rule.knows("achievement_kind", kind)

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        try:
            scheme = certificate_scheme(value) if isinstance(value, str) else ""
            special = scheme == "HRSS" and hrss_certificate(str(value)).special
        except IdentifierError:
            scheme, special = "", False
        if not scheme:
            run.refuse(path, "mapping.impossible_value")
            return
        out[number_field], out[scheme_field] = str(value), scheme
        if scheme in kinds:
            out["kind"] = kinds[scheme]
        if scheme == "OTHER":
            run.issues.append("certificate_scheme_other")
        if special:
            run.issues.append("special_technician_number")

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        number = fields.get(number_field)
        if number is not None:
            out[path] = str(number)
            run.carried.append(number_field)
            if scheme_field in fields:
                run.lost[scheme_field] = "derived"

    return Halves(forward, backward)


def _education(rule: Declaration) -> Halves | None:
    """An education level by GB/T 4658 with the vintage of its table beside it; without the vintage it is refused."""
    if not rule.shape(2, 1):
        return None
    (path, vintage_path), (field,) = rule.local, rule.fields
    current = frozenset(entry.code for entry in rule.codes["gbt4658-2006"])
    older = {entry.code: (entry.columns["target"], entry.columns["confidence"]) for entry in rule.codes["gbt4658-crosswalk"]}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value, vintage = values.get(path), values.get(vintage_path)
        if not value:
            if vintage:
                run.kept[vintage_path] = "empty"
            return
        if not vintage:
            run.refuse(path, "mapping.no_code_set")
        elif vintage == "2006" and value in current:
            out[field] = str(value)
        elif vintage == "1984" and value in older:
            target, sure = older[str(value)]
            if not target:
                run.kept[path] = run.kept[vintage_path] = "no_counterpart"
                return
            out[field] = target
            run.spell(path, value)
            run.spell(vintage_path, vintage)
            if sure != "exact":
                run.issues.append("code_crosswalk_approximate")
                run.approximate(path, "no_counterpart", value)
        else:
            run.refuse(path if vintage in ("1984", "2006") else vintage_path, "mapping.unknown_code")

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        if field in fields:
            out[path], out[vintage_path] = str(fields[field]), "2006"
            run.carried.append(field)

    return Halves(forward, backward)


LEVEL_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "level": _level,
    "skill_level": _skill_level,
    "remark": _remark,
    "certificate": _certificate,
    "education": _education,
}
