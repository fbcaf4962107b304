"""What `make breaks` breaks is still there to be broken."""

import re

import pytest
from support.breaks import RANGES, WEATHER, Break, breaks, uncaught
from support.tree import ROOT, text_of

from gateway.simulator import checkers
from gateway.simulator.faults import Kind

PLAN_FIELDS = {"consent_ends", "leaf_changed", "holidays_known_at"}
SPEAKERS = {each.__name__ for each in checkers.CHECKERS} | {"all_end", "change_found"}


@pytest.mark.parametrize("one", breaks(), ids=lambda one: one.en)
def test_break_when_its_texts_are_looked_for_then_each_stands_once_in_the_gateways_own_code(one: Break) -> None:
    for edit in one.edits:
        assert edit.file.startswith("gateway/")
        assert not edit.file.startswith("gateway/simulator/")
        assert (edit.file, text_of(ROOT / edit.file).count(edit.old)) == (edit.file, 1)
        assert edit.old != edit.new


@pytest.mark.parametrize("one", breaks(), ids=lambda one: one.en)
def test_break_when_read_then_its_fault_its_seeds_and_its_checker_exist(one: Break) -> None:
    assert one.only <= WEATHER | PLAN_FIELDS | {kind.value for kind in Kind}
    assert one.only or one.met
    assert one.seeds in RANGES
    assert one.says in SPEAKERS


def test_faults_of_the_simulation_when_counted_then_each_has_a_break_or_is_named_as_having_none() -> None:
    broken = {word for one in breaks() for word in one.only}
    by_fields = {Kind.CONSENT_ENDS: "consent_ends", Kind.LEAF_CHANGED: "leaf_changed"}
    assert {by_fields.get(kind, kind.value) for kind in Kind} | WEATHER | PLAN_FIELDS == broken | set(uncaught())
    assert not broken & set(uncaught())


def test_page_when_its_table_is_compared_with_the_list_then_the_same_faults_in_the_same_order() -> None:
    page = text_of(ROOT / "docs" / "testing.md")
    told = re.findall(r"^\| (.+?) \| .+ \| (\d+) \| (.+) \|$", page, re.MULTILINE)
    assert [(fault, int(seed)) for fault, seed, _ in told] == [(f"{one.zh} {one.en}", one.seed) for one in breaks()]
    assert all(f"`{one.says}`" in said for (_, _, said), one in zip(told, breaks(), strict=True))
