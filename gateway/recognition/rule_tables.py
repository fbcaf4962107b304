"""Values of a rule file, read one by one; what is wrong is noted and reading goes on."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

from gateway.recognition.rule_findings import Findings
from gateway.recognition.rule_places import Path

ID_CHARS_MAX: Final = 64
TEXT_CHARS_MAX: Final = 500
LIST_MAX: Final = 200
DECIMALS_MAX: Final = 3
CREDITS_MAX: Final = Decimal(1000)
_ID_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./@")
_UNITS: Final = ("分", "时", "次", "积", "h", "min", "point", "credit", "unit", "session")
Default = TypeVar("Default")


class TableReader:
    """One table of the file.  `rule` is the id of the rule it belongs to, for the place of a finding."""

    def __init__(self, table: Mapping[str, object], path: Path, findings: Findings, rule: str = "") -> None:
        self.table = table
        self.path = path
        self.findings = findings
        self.rule = rule

    def fault(self, key: str, code: str, zh: str = "", en: str = "") -> None:
        self.findings.add((*self.path, key) if key else self.path, code, zh, en, rule=self.rule)

    def only(self, allowed: frozenset[str], barred: Mapping[str, str] | None = None) -> None:
        """Every key is one of `allowed`; a key of `barred` gets its own code."""
        for key in sorted(set(self.table) - allowed):
            self.fault(key, (barred or {}).get(key, "recognition.unknown_setting"))

    def id(self, key: str) -> str:
        """A short name of ASCII letters, digits and `-_./@`."""
        value = self.table.get(key)
        if value is None:
            self.fault(key, "recognition.missing_setting")
            return ""
        if not isinstance(value, str) or not 0 < len(value) <= ID_CHARS_MAX or not set(value) <= _ID_CHARS:
            self.fault(key, "recognition.bad_setting", "应为字母、数字和 -_./@ 组成的标识", "an id of letters, digits and -_./@")
            return ""
        return value

    def text(self, key: str) -> str:
        """A text that is there."""
        value = self.table.get(key)
        if value is None:
            self.fault(key, "recognition.missing_setting")
            return ""
        if not isinstance(value, str) or not value.strip() or len(value) > TEXT_CHARS_MAX:
            self.fault(key, "recognition.bad_setting", "应为文本", "a text")
            return ""
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none twice; a single text stands for a list of one; empty where the key is not there."""
        value = self.table.get(key, [])
        found = [value] if isinstance(value, str) else value
        if (
            not isinstance(found, list)
            or len(found) > LIST_MAX
            or not all(isinstance(word, str) and word.strip() and len(word) <= TEXT_CHARS_MAX for word in found)
            or len(set(found)) != len(found)
            or (key in self.table and not found)
        ):
            self.fault(key, "recognition.bad_setting", "应为文本列表,不重复、不为空", "a list of texts, none twice, not empty")
            return ()
        return tuple(found)

    def codes(self, key: str, known: Iterable[str]) -> frozenset[str]:
        """A list of codes of a table."""
        found, allowed = self.texts(key), frozenset(known)
        for code in found:
            if code not in allowed:
                self.fault(key, "recognition.unknown_code", code[:ID_CHARS_MAX], code[:ID_CHARS_MAX])
        return frozenset(found) & allowed

    def choice(self, key: str, among: Iterable[str], default: Default) -> str | Default:
        """One of some words; `default` where the key is not there."""
        if key not in self.table:
            return default
        value, words = self.table[key], tuple(among)
        if not isinstance(value, str) or value not in words:
            self.fault(key, "recognition.bad_setting", "应为 " + "、".join(words), "one of " + ", ".join(words))
            return default
        return value

    def flag(self, key: str) -> bool:
        """True or false; false where the key is not there."""
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            self.fault(key, "recognition.bad_setting", "应为 true 或 false", "true or false")
        return value is True

    def whole(self, key: str, least: int, most: int) -> int | None:
        """A whole number in bounds, or None where the key is not there."""
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.fault(key, "recognition.bad_setting", f"应为 {least} 至 {most} 的整数", f"a whole number from {least} to {most}")
            return None
        return value

    def number(self, key: str, *, most: Decimal = CREDITS_MAX, above_zero: bool = False) -> Decimal | None:
        """A decimal written as text, so that it is never a binary fraction; None where the key is not there or wrong."""
        value = self.table.get(key)
        return None if value is None else self.decimal(key, value, most=most, above_zero=above_zero)

    def decimal(self, key: str, value: object, *, most: Decimal = CREDITS_MAX, above_zero: bool = False) -> Decimal | None:
        """One value as a decimal."""
        try:
            number = Decimal(value) if isinstance(value, str) and set(value) <= set("0123456789.") else None
        except InvalidOperation:
            number = None
        if number is None:
            unit = not isinstance(value, str) or any(word in value.lower() for word in _UNITS)
            self.fault(key, "recognition.unknown_unit" if unit else "recognition.bad_setting", "应写作文本的数", "a number written as text")
            return None
        if number > most or (above_zero and not number) or number != round(number, DECIMALS_MAX):
            self.fault(key, "recognition.bad_setting", f"应不大于 {most},至多三位小数", f"at most {most}, three decimals at most")
            return None
        return number

    def day(self, key: str) -> date:
        """A date of TOML's own form (2026-09-01)."""
        value = self.table.get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        self.fault(
            key,
            "recognition.missing_setting" if value is None else "recognition.bad_setting",
            "日期,如 2026-09-01",
            "a date, as 2026-09-01",
        )
        return date.min

    def under(self, key: str) -> "TableReader":
        """A table inside this one; an empty one where it is not there."""
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            self.fault(key, "recognition.bad_setting", "应为一个表", "a table")
            value = {}
        return TableReader(value, (*self.path, key), self.findings, self.rule)

    def each(self, key: str, most: int) -> list["TableReader"]:
        """The tables of an array."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value) or len(value) > most:
            self.fault(key, "recognition.bad_setting", f"应为至多 {most} 个表", f"at most {most} tables")
            return []
        return [TableReader(item, (*self.path, key, place), self.findings, self.rule) for place, item in enumerate(value)]
