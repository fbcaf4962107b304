"""The small checks of JSON values: what a quick look may decide, and the moments."""

import sys

import pytest

from gateway.adapters.fields import CONTROL, DATE_FORM, IMPOSSIBLE_DATE, WRONG_FORM, WRONG_TYPE, has_private_use, moment, record_id, text

UNWANTED = "\0\x1f\x7f\x9f\u2028\u2029\u202a\u202e\u2066\u2069\ud800\udfff\ufdd0\ufdef\ufffe\uffff"


@pytest.mark.parametrize("character", UNWANTED)
def test_text_when_it_holds_an_unwanted_character_then_it_is_named(character: str) -> None:
    assert not character.isprintable()
    assert text()(f"a{character}b") is CONTROL
    assert record_id(f"a{character}b") is CONTROL


def test_text_when_it_holds_any_other_character_then_no_fault() -> None:
    unwanted = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
    unwanted += [*range(0xD800, 0xE000), *range(0xFDD0, 0xFDF0), 0xFFFE, 0xFFFF]
    check = text()
    assert [point for point in range(sys.maxunicode + 1) if check(f"a{chr(point)}") is CONTROL] == sorted(unwanted)


@pytest.mark.parametrize("space", [" ", "\u3000", "\u00a0"])
def test_record_id_when_it_holds_a_space_then_its_form_is_wrong(space: str) -> None:
    assert record_id(f"a{space}b") is WRONG_FORM


def test_has_private_use_when_any_such_character_then_true() -> None:
    for point in (0xE000, 0xF8FF, 0xF0000, 0x10FFFF):
        assert has_private_use({"name": f"王{chr(point)}"})
    assert not has_private_use({"name": "王\u3000\U00020000", "age": 7})


def test_moment_when_asked_twice_then_the_same_answer() -> None:
    for _ in range(2):
        assert moment("2024-02-29 23:59:59") is None
        assert moment("2023-02-29 00:00:00") is IMPOSSIBLE_DATE
        assert moment("1899-12-31 00:00:00") is IMPOSSIBLE_DATE
        assert moment("2023-02-28") is DATE_FORM
        assert moment(20230228) is WRONG_TYPE
        assert moment(["2024-02-29 23:59:59"]) is WRONG_TYPE
