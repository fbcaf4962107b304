"""The settings reader: types, bounds, defaults, nesting."""

import pytest

from gateway.adapters.settings_table import SettingsTable
from gateway.errors import SettingsError


def told(table: SettingsTable) -> list[tuple[str, str]]:
    with pytest.raises(SettingsError) as caught:
        table.finish()
    return [(problem.path, problem.code) for problem in caught.value.problems]


def test_settings_table_when_all_is_well_then_the_values() -> None:
    table = SettingsTable(
        "x", {"a": "text", "b": True, "c": 3, "d": "two", "e": ["p", "q"], "f": {"k": "v"}, "g": [{"h": 1}], "i": {"h": 2}}
    )
    assert (table.text("a"), table.flag("b"), table.whole("c", 1, 3), table.choice("d", ("one", "two"))) == ("text", True, 3, "two")
    assert (table.texts("e"), table.text_map("f")) == (("p", "q"), {"k": "v"})
    inner = [*table.tables("g"), table.table("i")]
    assert [one.whole("h", 0, 9) for one in inner] == [1, 2]
    table.finish()


def test_settings_table_when_absent_then_the_default() -> None:
    table = SettingsTable("x", {})
    assert (table.text("a", "t"), table.flag("b", default=False), table.whole("c", 0, 9, 0)) == ("t", False, 0)
    assert (table.choice("d", ("o",), "o"), table.texts("e", ())) == ("o", ())
    table.finish()


def test_settings_table_when_wrong_then_every_problem_with_its_place() -> None:
    table = SettingsTable("x", {"a": 1, "c": True, "d": 5, "e": ["p", 1], "f": {"k": 1}, "g": [1], "i": [], "j": [{"h": 99}]})
    table.text("a")
    table.whole("c", 0, 1)
    table.choice("d", ("o",))
    table.texts("e")
    table.text_map("f")
    table.tables("g")
    table.table("i")
    (inner,) = table.tables("j")
    inner.whole("h", 0, 9)
    table.flag("missing")
    assert told(table) == [
        ("x/a", "settings.wrong_type"),
        ("x/c", "settings.wrong_type"),
        ("x/d", "settings.wrong_type"),
        ("x/e", "settings.wrong_type"),
        ("x/f", "settings.wrong_type"),
        ("x/g", "settings.wrong_type"),
        ("x/i", "settings.wrong_type"),
        ("x/j.0/h", "settings.out_of_range"),
        ("x/missing", "settings.missing"),
    ]


def test_settings_table_when_an_entry_is_not_asked_for_then_told() -> None:
    table = SettingsTable("x", {"a": "t", "A": "t"})
    table.text("a")
    assert told(table) == [("x/A", "settings.unknown_key")]
