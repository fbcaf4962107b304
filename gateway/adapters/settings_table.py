"""Reads one plain table of settings and finds everything wrong with it before it complains.

Each `take` names a key, its type and its bounds; an entry nobody asked for is a mistake of the
person who wrote it (a misspelt key would otherwise be silence), so `finish` reports it too.
"""

from collections.abc import Mapping
from typing import Final

from gateway.errors import Problem, SettingsError

_ABSENT: Final = object()


class SettingsTable:
    """Typed access to `table`; `place` names it in problems.  A default of None means the key is required."""

    def __init__(self, place: str, table: Mapping[str, object]) -> None:
        self._place = place
        self._table = table
        self._asked: set[str] = set()
        self._problems: list[Problem] = []

    def text(self, key: str, default: str | None = None) -> str:
        value = self._take(key, default)
        if not (isinstance(value, str) and value):
            self._wrong(key, value, "应为非空文本", "should be a text that is not empty")
            return ""
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            self._wrong(key, value, "应为 true 或 false", "should be true or false")
            return False
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value = self._take(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong(key, value, "应为整数", "should be a whole number")
            return low
        if not low <= value <= high:
            self.problem(key, "settings.out_of_range", f"应在 {low} 到 {high} 之间", f"should be from {low} to {high}")
            return low
        return value

    def choice(self, key: str, options: tuple[str, ...], default: str | None = None) -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            self._wrong(key, value, "应为文本", "should be a text")
            return options[0]
        if value not in options:
            listed = ", ".join(options)
            self.problem(key, "settings.unknown_choice", f"应为其中之一:{listed}", f"should be one of: {listed}")
            return options[0]
        return value

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self._take(key, list(default) if default is not None else None)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            self._wrong(key, value, "应为文本列表", "should be a list of texts")
            return ()
        if len(set(value)) != len(value):
            self.problem(key, "settings.repeated", "列表中有重复项", "the list names something twice")
        return tuple(value)

    def text_map(self, key: str) -> Mapping[str, str]:
        value = self._take(key, None)
        if not isinstance(value, dict) or not all(isinstance(item, str) and item for item in value.values()):
            self._wrong(key, value, "应为文本到文本的表", "should be a table of texts")
            return {}
        return dict(value)

    def tables(self, key: str) -> tuple["SettingsTable", ...]:
        """A list of tables, each with its own checks; their problems are gathered here by `finish`."""
        value = self._take(key, None)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._wrong(key, value, "应为表的列表", "should be a list of tables")
            return ()
        return tuple(self._inner(f"{key}.{number}", item) for number, item in enumerate(value))

    def table(self, key: str) -> "SettingsTable":
        value = self._take(key, None)
        if not isinstance(value, dict):
            self._wrong(key, value, "应为表", "should be a table")
            return self._inner(key, {})
        return self._inner(key, value)

    def problem(self, key: str, code: str, zh: str, en: str) -> None:
        """Add what a caller's own check found."""
        self._problems.append(Problem(f"{self._place}/{key}", code, zh, en))

    def leftovers(self) -> None:
        """Report entries nobody asked for.  Called once the reader of this table is done with it."""
        for key in sorted(set(self._table) - self._asked):
            self.problem(key, "settings.unknown_key", "没有这项设置", "there is no such setting")

    def finish(self) -> None:
        """Raises SettingsError with every problem of this table and of the tables in it."""
        self.leftovers()
        if self._problems:
            raise SettingsError("settings.adapter", "适配器设置有误", "the adapter's settings are wrong", problems=tuple(self._problems))

    def _inner(self, key: str, table: Mapping[str, object]) -> "SettingsTable":
        inner = SettingsTable(f"{self._place}/{key}", table)
        inner._problems = self._problems
        return inner

    def _take(self, key: str, default: object) -> object:
        self._asked.add(key)
        value = self._table.get(key, _ABSENT)
        if value is _ABSENT:
            return _ABSENT if default is None else default
        return value

    def _wrong(self, key: str, value: object, zh: str, en: str) -> None:
        if value is _ABSENT:
            self.problem(key, "settings.missing", "缺少这项设置", "this setting is missing")
        else:
            self.problem(key, "settings.wrong_type", zh, en)
