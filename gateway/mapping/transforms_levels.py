"""Levels, certificates, education: values that mean something only inside a scheme.

A level without its framework, a code without its vintage and 高级 without a scheme are ambiguous and
never guessed.  Crosswalks come from the code tables with their confidence; nothing is converted upward
on an approximate one.  Lookups are built once at load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.mapping.declaration import Backward, Builder, Declaration, Forward, Halves, LocalValues, RegionalValues
from gateway.mapping.loss import Run
from gateway.model.identifiers import IdentifierError, certificate_scheme, hrss_certificate
from gateway.model.local import LocalValue
from gateway.model.regional import RegionalValue

_Crosswalk: TypeAlias = Mapping[tuple[str, str], tuple[int, str]]
"""Regional level and confidence by framework and level."""

_CERTIFICATES: Final = frozenset({"SKILL_CERT", "QUAL_CERT"})
_LEVEL_FIELDS: Final = ("level.framework", "level.code", "level.regional", "level.confidence")


def _level(rule: Declaration) -> Halves | None:
    """A level and its framework's name.  `frameworks` maps the bank's names to codes of `level_framework`; the first is its own.

    Forward adds the regional level with its confidence.  Backward another framework's level is carried only over two exact rows.
    """
    if not rule.shape(2, 4):
        return None
    names = {name: str(code) for name, code in rule.table("frameworks").items()}
    for code in names.values():
        rule.knows("level_framework", code)
    if not names or rule.fields != _LEVEL_FIELDS:
        rule.fault(
            "mapping.bad_setting", "level 规则须列出 frameworks,字段顺序固定", "frameworks are listed; the four fields have one order"
        )
        return None
    crosswalk = {
        (entry.columns["framework"], entry.columns["level"]): (int(entry.columns["regional"]), entry.columns["confidence"])
        for entry in rule.codes["level-crosswalk"]
    }
    return Halves(_level_forward(rule.local, names, crosswalk), _level_backward(rule.local, names, crosswalk))


def _level_forward(paths: tuple[str, ...], names: Mapping[str, str], crosswalk: _Crosswalk) -> Forward:
    path, framework_path = paths

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        level, name = values.get(path), values.get(framework_path)
        if not level or not name:
            if level:
                run.refuse(path, "mapping.no_code_set")
            elif name:
                run.kept[framework_path] = "empty"
            return
        framework = names.get(name, "") if isinstance(name, str) else ""
        found = crosswalk.get((framework, level)) if isinstance(level, str) else None
        if found is None:
            run.refuse(path if framework else framework_path, "mapping.unknown_code")
            return
        out["level.framework"], out["level.code"] = framework, str(level)
        out["level.regional"], out["level.confidence"] = found
        if found[1] != "exact":
            run.issues.append("level_approximate")
            run.approximate(path, "no_counterpart", level)

    return forward


def _level_backward(paths: tuple[str, ...], names: Mapping[str, str], crosswalk: _Crosswalk) -> Backward:
    path, framework_path = paths
    name_of = {code: name for name, code in reversed(list(names.items()))}
    home = next(iter(names.values()))
    exact = {regional: level for (framework, level), (regional, sure) in crosswalk.items() if framework == home and sure == "exact"}

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        framework, code = str(fields.get("level.framework", "")), str(fields.get("level.code", ""))
        regional, sure = fields.get("level.regional"), fields.get("level.confidence")
        if code and framework in name_of:
            out[path], out[framework_path] = code, name_of[framework]
        elif sure == "exact" and isinstance(regional, int) and regional in exact:
            out[path], out[framework_path] = exact[regional], name_of[home]
            run.approximate("level.code", "narrower_scale", f"{framework} {code}")
        else:
            run.lost |= {field: "no_counterpart" for field in _LEVEL_FIELDS if field in fields}
            return
        run.carried += _LEVEL_FIELDS[:2]
        run.lost |= dict.fromkeys(_LEVEL_FIELDS[2:], "derived")

    return backward


@dataclass(frozen=True, slots=True)
class _Skill:
    """The table of skill levels: words by code, code by alias."""

    words: Mapping[str, str]
    aliases: Mapping[str, str]

    @classmethod
    def of(cls, rule: Declaration) -> "_Skill":
        table = rule.codes["skill_level"]
        return cls({entry.code: entry.zh for entry in table}, {alias: entry.code for entry in table for alias in entry.aliases()})


def _skill_level(rule: Declaration) -> Halves | None:
    """A skill level in words (`text`) or as the scheme's digit (`digit`; 5 lowest to 1 highest).

    The words are always kept; the level is set only where they are an alias of the code table, so 高级 alone sets none.
    """
    if not rule.shape(1, 2):
        return None
    skill = _Skill.of(rule)
    if rule.text("written", "text", among=("text", "digit")) == "digit":
        return _skill_digit(rule.local[0], rule.fields, frozenset(level for level in skill.words if level.isdigit()))
    return _skill_text(rule.local[0], rule.fields, skill)


def _skill_text(path: str, names: tuple[str, ...], skill: _Skill) -> Halves:
    text_field, level_field = names

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str:
            run.refuse(path, "mapping.impossible_value")
            return
        out[text_field] = value
        level = skill.aliases.get(value.strip())
        if level is None:
            run.issues.append("level_text_ambiguous")
        else:
            out[level_field] = level

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        text, level = fields.get(text_field), fields.get(level_field)
        if text is not None:
            out[path] = str(text)
            run.carried.append(text_field)
            run.lost[level_field] = "derived"
        elif level is not None:
            out[path] = skill.words[str(level)]
            run.carried.append(level_field)

    return Halves(forward, backward)


def _skill_digit(path: str, names: tuple[str, ...], digits: frozenset[str]) -> Halves:
    text_field, level_field = names

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if isinstance(value, str) and value in digits:
            out[level_field] = value
        else:
            run.refuse(path, "mapping.unknown_code")

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        level = fields.get(level_field)
        if level is None:
            return
        if str(level) in digits:
            out[path] = str(level)
            run.carried.append(level_field)
            run.lost[text_field] = "derived"
        else:
            run.lost[level_field] = "no_counterpart"

    return Halves(forward, backward)


def _remark(rule: Declaration) -> Halves | None:
    """A remark; where it is nothing but the words of a skill level, it is read as one too."""
    if not rule.shape(1, 3):
        return None
    (path,), (field, text_field, level_field) = rule.local, rule.fields
    skill = _Skill.of(rule)

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value = values.get(path)
        if value is None or value == "":
            return
        if type(value) is not str:
            run.refuse(path, "mapping.impossible_value")
            return
        out[field] = value
        level = skill.aliases.get(value.strip())
        if level is not None and out.get("kind") in _CERTIFICATES:
            out[text_field], out[level_field] = value.strip(), level

    return Halves(forward, _remark_backward(path, rule.fields, skill))


def _remark_backward(path: str, names: tuple[str, ...], skill: _Skill) -> Backward:
    field, text_field, level_field = names

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        remark, text, level = fields.get(field), fields.get(text_field), fields.get(level_field)
        words = str(text) if text is not None else skill.words[str(level)] if level is not None else ""
        if remark is not None:
            out[path] = str(remark)
            run.carried.append(field)
            same = bool(words) and str(remark).strip() == words
            run.lost |= dict.fromkeys((text_field, level_field), "derived" if same else "no_local_field")
        elif words:
            out[path] = words
            run.carried.append(text_field if text is not None else level_field)
            run.lost[level_field] = "derived"

    return backward


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
        scheme, issue = _scheme(value)
        if not scheme:
            run.refuse(path, "mapping.impossible_value")
            return
        out[number_field], out[scheme_field] = str(value), scheme
        if scheme in kinds:
            out["kind"] = kinds[scheme]
        if issue:
            run.issues.append(issue)

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        number = fields.get(number_field)
        if number is not None:
            out[path] = str(number)
            run.carried.append(number_field)
            run.lost[scheme_field] = "derived"

    return Halves(forward, backward)


def _scheme(value: LocalValue) -> tuple[str, str]:
    """The numbering scheme ("" where the number is damaged) and the quality issue it raises, if any."""
    if not isinstance(value, str):
        return "", ""
    try:
        scheme = certificate_scheme(value)
        special = scheme == "HRSS" and hrss_certificate(value).special
    except IdentifierError:
        return "", ""
    return scheme, "certificate_scheme_other" if scheme == "OTHER" else "special_technician_number" if special else ""


def _education(rule: Declaration) -> Halves | None:
    """An education level by GB/T 4658 with the vintage of its table beside it; without the vintage it is refused."""
    if not rule.shape(2, 1):
        return None
    (path, vintage_path), (field,) = rule.local, rule.fields

    def backward(fields: RegionalValues, out: dict[str, LocalValue], run: Run) -> None:
        if field in fields:
            out[path], out[vintage_path] = str(fields[field]), "2006"
            run.carried.append(field)

    return Halves(_education_forward(path, vintage_path, field, rule), backward)


def _education_forward(path: str, vintage_path: str, field: str, rule: Declaration) -> Forward:
    current = {entry.code: (entry.code, "exact") for entry in rule.codes["gbt4658-2006"]}
    older = {entry.code: (entry.columns["target"], entry.columns["confidence"]) for entry in rule.codes["gbt4658-crosswalk"]}
    tables = {"2006": current, "1984": older}

    def forward(values: LocalValues, out: dict[str, RegionalValue], run: Run) -> None:
        value, vintage = values.get(path), values.get(vintage_path)
        if not value or not vintage:
            if value:
                run.refuse(path, "mapping.no_code_set")
            elif vintage:
                run.kept[vintage_path] = "empty"
            return
        table = tables.get(vintage) if isinstance(vintage, str) else None
        found = table.get(value) if table is not None and isinstance(value, str) else None
        if found is None:
            run.refuse(vintage_path if table is None else path, "mapping.unknown_code")
            return
        _place_education(found, field, {path: value, vintage_path: vintage}, out, run)

    return forward


def _place_education(
    found: tuple[str, str], field: str, written: Mapping[str, LocalValue], out: dict[str, RegionalValue], run: Run
) -> None:
    """Set the 2006 code; an older code is kept beside it as it stands, and kept alone where it has no counterpart."""
    target, sure = found
    if not target:
        run.kept |= dict.fromkeys(written, "no_counterpart")
        return
    out[field] = target
    if "1984" in written.values():
        for path, value in written.items():
            run.spell(path, value)
    if sure != "exact":
        run.issues.append("code_crosswalk_approximate")
        run.approximate(next(iter(written)), "no_counterpart", target)


LEVEL_TRANSFORMS: Final[Mapping[str, Builder]] = {
    "level": _level,
    "skill_level": _skill_level,
    "remark": _remark,
    "certificate": _certificate,
    "education": _education,
}
