"""The needs of a rule as they stand in the file."""

from typing import Final

from gateway.model.codes import CodeTables
from gateway.model.identifiers import IdentifierError, uscc
from gateway.model.regional import Kind
from gateway.recognition.rule_tables import TableReader
from gateway.recognition.rules import ACADEMIC_KINDS, Need

_NEED: Final = frozenset(
    {"kind", "title", "standard_course", "course_code", "source", "issuer", "scheme", "skill_level", "stage", "level_min", "confidence",
     "band_min", "pass_counts", "credits_min", "years_max"}
)  # fmt: skip
_BARRED: Final = dict.fromkeys(
    ("points_min", "points", "hours_min", "hours", "sessions_min", "sessions", "units_min", "minutes_min"), "recognition.points_rule"
)


def read_needs(tables: list[TableReader], codes: CodeTables) -> tuple[Need, ...]:
    """Each `[[rule.need]]`."""
    return tuple(_need(table, codes) for table in tables)


def _need(table: TableReader, codes: CodeTables) -> Need:
    table.only(_NEED, _BARRED)
    banks = [entry.code for entry in codes["member"] if entry.columns.get("role") == "bank"]
    level = table.whole("level_min", 1, 10)
    if level is None and "confidence" in table.table:
        table.fault("confidence", "recognition.bad_setting", "仅与 level_min 同用", "only with level_min")
    band = table.choice("band_min", ("A", "B", "C", "D"), None)
    if band is None and "pass_counts" in table.table:
        table.fault("pass_counts", "recognition.bad_setting", "仅与 band_min 同用", "only with band_min")
    return Need(
        kinds=_kinds(table),
        titles=table.texts("title"),
        standard_courses=table.texts("standard_course"),
        course_codes=_course_codes(table, banks),
        sources=table.codes("source", banks),
        issuers=_issuers(table),
        schemes=table.codes("scheme", [entry.code for entry in codes["certificate_scheme"]]),
        skill_levels=table.codes("skill_level", [entry.code for entry in codes["skill_level"]]),
        stages=table.codes("stage", [entry.code for entry in codes["education_stage"]]),
        level_min=level,
        confidence=table.choice("confidence", ("exact", "approximate"), "exact"),
        band_min=band,
        pass_counts=table.flag("pass_counts"),
        credits_min=table.number("credits_min", above_zero=True),
        years_max=table.whole("years_max", 1, 50),
    )


def _kinds(table: TableReader) -> frozenset[str]:
    kinds = table.texts("kind")
    if "kind" not in table.table:
        table.fault("kind", "recognition.missing_setting")
    for kind in kinds:
        if kind not in frozenset(Kind):
            table.fault("kind", "recognition.unknown_code", kind[:64], kind[:64])
        elif kind not in ACADEMIC_KINDS:
            table.fault("kind", "recognition.leisure_rule")
    return frozenset(kinds)


def _course_codes(table: TableReader, banks: list[str]) -> tuple[str, ...]:
    found = table.texts("course_code")
    for code in found:
        if code.partition("/")[0] not in banks or not code.partition("/")[2]:
            table.fault("course_code", "recognition.bad_setting", "写作 成员行/课程代码", "written member/code")
    return found


def _issuers(table: TableReader) -> frozenset[str]:
    found = table.texts("issuer")
    for issuer in found:
        if not _is_uscc(issuer):
            table.fault("issuer", "recognition.bad_setting", "不是统一社会信用代码", "not a unified social credit code")
    return frozenset(found)


def _is_uscc(text: str) -> bool:
    try:
        return uscc(text) == text
    except IdentifierError:
        return False
