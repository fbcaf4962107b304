"""A draft against past items: counts, changed items, dead and clashing rules, gaps; and the difference of two versions in words."""

from datetime import date
from decimal import Decimal
from itertools import groupby

import pytest
from support.rules import CAPS, DAY, HEAD, programme, quoted, record, rule, rule_set

from gateway.recognition import simulate as module
from gateway.recognition.rule_diff import diff
from gateway.recognition.rule_places import Places, shown
from gateway.recognition.simulate import Change, Comparison, PastItem, Tally, report, simulate

TARGET = programme(("A", "4"), ("B", "3"))
OLD = rule_set(rule("a", "A", title="甲") + rule("b", "B", title="乙"))
RECORDS = [record("1", title="甲"), record("2", "3", title="乙", band="C"), record("3", title="丙")]


def past(transfers: int = 1) -> list[PastItem]:
    return [PastItem(f"t{number}", DAY, TARGET, each) for number in range(transfers) for each in RECORDS]


def test_simulation_when_nothing_changes_then_nothing_is_listed():
    found = simulate(OLD, OLD, past(3))
    assert (found.items, found.transfers, found.unchanged, found.changes) == (9, 3, 9, ())
    assert (found.credits_before, found.credits_after) == (Decimal("21.0"), Decimal("21.0"))
    assert (found.dead, found.conflicts, found.not_exact) == ((), (), 0)


def test_simulation_when_a_draft_differs_then_each_changed_item_is_told():
    new = rule_set(
        rule("a", "B", title="甲")
        + rule("b", "B", title="乙", need='band_min = "B"')
        + rule("c", "A", title="丙")
        + rule("d", "A", title="丁")
    )
    seen: list[Change] = []
    found = simulate(OLD, new, past(), on_change=seen.append)
    assert (found.gained, found.lost, found.moved, found.unchanged) == (1, 2, 0, 0)
    assert [(each.record, str(each.credits_before), str(each.credits_after), each.rule_after) for each in found.changes] == [
        ("1", "4.0", "3.0", "a"),
        ("2", "3.0", "0.0", ""),
        ("3", "0.0", "4.0", "c"),
    ]
    assert found.changes[0].courses_before == ("A",)
    assert found.changes[0].courses_after == ("B",)
    assert tuple(seen) == found.changes
    assert found.dead == ("b", "d")
    assert dict(found.used) == {"a": 1, "c": 1}


def test_simulation_when_credits_stay_and_the_course_changes_then_moved():
    new = rule_set(rule("a", "A", title="甲") + rule("b", "A", title="乙") + rule("b2", "B", title="甲"))
    found = simulate(None, new, [PastItem("t", DAY, TARGET, RECORDS[1])])
    assert (found.gained, found.credits_before) == (1, 0)
    assert simulate(OLD, new, [PastItem("t", DAY, TARGET, RECORDS[1])]).moved == 1


def test_simulation_when_no_rule_speaks_of_a_record_then_a_gap_is_reported():
    found = simulate(None, OLD, past(2))
    assert found.without_rule == 2
    assert [(gap.kind, gap.title, gap.items) for gap in found.gaps] == [("COURSE", "丙", 2)]


def test_simulation_when_two_rules_clash_then_the_conflict_is_counted():
    new = rule_set(rule("a", "A", title="甲") + rule("b", "A", title="甲", credits='"2"'))
    [conflict] = simulate(None, new, past(2)).conflicts
    assert (conflict.rules, conflict.items) == (("a", "b"), 2)


def test_simulation_when_items_stand_in_one_transfer_then_they_compete():
    again = record("9", bank="CN-32", title="甲")
    together = [PastItem("t", DAY, TARGET, each) for each in (RECORDS[0], again)]
    apart = [PastItem(f"t{place}", DAY, TARGET, each) for place, each in enumerate((RECORDS[0], again))]
    assert simulate(None, OLD, together).credits_after == 4
    assert simulate(None, OLD, apart).credits_after == 8


def test_simulation_when_the_item_is_older_than_the_rules_then_judged_by_its_own_day():
    rules = rule_set(rule("a", "A", title="甲", need="years_max = 2"))
    items = [PastItem(f"t{day.year}", day, TARGET, RECORDS[0]) for day in (date(2025, 1, 1), date(2027, 1, 1))]
    assert simulate(None, rules, items).gained == 1


def test_simulation_when_it_runs_then_progress_is_told_and_ends_with_all(monkeypatch):
    monkeypatch.setattr(module, "PROGRESS_EVERY", 4)
    told: list[int] = []
    simulate(None, OLD, iter(past(4)), progress=told.append)
    assert told == [6, 12, 12]


def test_simulation_when_there_are_too_many_changes_then_the_rest_is_counted(monkeypatch):
    monkeypatch.setattr(module, "CHANGES_MAX", 3)
    found = simulate(None, OLD, past(4))
    assert (len(found.changes), found.changes_left_out, found.gained) == (3, 5, 8)


GROUP = '[[group]]\nid = "g"\nzh = "组"\nen = "g"\nreason = "highest_only"\n'
ALIKE = rule("a", "A", title="甲", more='group = "{0}"') + rule("b", "B", title="乙", more='group = "{1}"')


@pytest.mark.parametrize(
    ("new", "lost", "used"),
    [
        (rule_set(ALIKE.format("g", "g"), caps=CAPS + GROUP), 1, {"a": 1}),
        (rule_set(rule("z", "A", title="甲") + rule("b", "B", title="乙")), 0, {"z": 1, "b": 1}),
        (rule_set(rule("a", "A", title="甲") + rule("b", "B", title="乙"), caps=CAPS.replace("50", "5")), 1, {"a": 1, "b": 1}),
        (rule_set(rule("a", "B", title="甲") + rule("b", "A", title="乙")), 1, {"a": 1, "b": 1}),
    ],
)
def test_simulation_when_a_draft_offers_nearly_the_same_then_chosen_anew(new, lost, used):
    found = simulate(OLD, new, past())
    assert (found.lost, {name: count for name, count in found.used if count}) == (lost, used)


def test_simulation_when_told_from_two_halves_then_as_from_the_whole(monkeypatch):
    monkeypatch.setattr(module, "CHANGES_MAX", 3)
    monkeypatch.setattr(module, "GAPS_MAX", 2)
    others = [PastItem("u", DAY, TARGET, record(f"u{title}", title=title)) for title in "丁戊己丙"]
    whole = past(2) + others + [PastItem("v", DAY, TARGET, each) for each in RECORDS]
    halves = []
    for items in (whole[:6], whole[6:]):
        running = Comparison(OLD)
        for _, together in groupby(items, key=lambda item: item.transfer):
            running.take(None, list(together))
        halves.append(running.tally)
    joined = Tally()
    for half in halves:
        joined.join(half)
    assert report(OLD, joined) == simulate(None, OLD, whole)
    assert report(OLD, joined).changes_left_out == 3


def test_simulation_when_compared_with_the_estimate_then_the_same_credits():
    assert simulate(None, OLD, past()).credits_after == quoted(RECORDS, TARGET, OLD).awarded


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        (HEAD, HEAD.replace('"1"', '"2"', 1), "version", "from 1 to 2"),
        (HEAD, HEAD.replace("2028-12-31", "2029-12-31"), "review", "from 2028-12-31 to 2029-12-31"),
        (HEAD, HEAD + 'sources = ["CN-31"]\n', "sources", "from none to CN-31"),
    ],
)
def test_difference_when_the_head_changed_then_told(old, new, where, words):
    [change] = diff(rule_set(rule("a", "A"), head=old), rule_set(rule("a", "A"), head=new))
    assert (change.what, change.where) == ("changed", where)
    assert words in change.words.en
    assert "改为" in change.words.zh


def test_difference_when_rules_changed_then_each_setting_is_told():
    old = rule_set(rule("a", "A") + rule("gone", "B", title="乙"))
    new = rule_set(rule("new", "B", title="丙") + rule("a", "A", credits='"2"', need='band_min = "C"'), caps=CAPS.replace("50", "40"))
    assert [(each.what, each.where) for each in diff(old, new)] == [
        ("changed", "caps.programme_percent"),
        ("changed", "rule a.need 1.band_min"),
        ("changed", "rule a.credits"),
        ("removed", "rule gone"),
        ("added", "rule new"),
    ]
    assert diff(old, new)[2].words == ("rule a.credits:由 记录的区域学分 改为 2", "rule a.credits: from the record's regional credits to 2")


def test_difference_when_rules_only_changed_places_then_none():
    assert diff(rule_set(rule("a", "A") + rule("b", "B", title="乙")), rule_set(rule("b", "B", title="乙") + rule("a", "A"))) == ()


def test_difference_when_caps_groups_and_policies_changed_then_told():
    extra = '[caps.kind_percent]\nMOOC = "25"\n[[group]]\nid = "g"\nzh = "组"\nen = "g"\nreason = "equal_content"\n'
    found = diff(rule_set(rule("a", "A")), rule_set(rule("a", "A", more='group = "g"'), caps=CAPS + extra))
    assert [each.where for each in found] == ["caps.kind_percent.MOOC", "group g", "rule a.group"]


def test_places_when_a_file_is_read_then_lines_of_tables_and_keys():
    places = Places('a = 1\n[t.u]\nb = 2\n[[r]]\nid = 1\n[[r.n]]\nk = 1\n[[r]]\n[[r.n]]\n[[r.n]]\nk = """\n[[r]]\n"""\n[[r]]\n"q" = 1\n')
    lines = {
        ("a",): 1,
        ("t", "u", "b"): 3,
        ("r", 0, "id"): 5,
        ("r", 0, "n", 0, "k"): 7,
        ("r", 1, "n", 1, "k"): 11,
        ("r", 2): 14,
        ("r", 2, "q"): 15,
    }
    assert {path: places.line(path) for path in lines} == lines
    assert places.line(("r", 2, "none")) == 14
    assert places.line(("none",)) == 1
    assert shown(("r", 1, "n", 0, "k")) == "r 2.n 1.k"
