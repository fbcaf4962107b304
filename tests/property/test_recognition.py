"""For any records, rules and caps: credits are conserved, no cap is exceeded, order does not matter, the choice is the best there is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from operator import attrgetter

from hypothesis import given, settings
from hypothesis import strategies as st
from support.rules import DAY, quoted, record

from gateway.model.regional import RegionalRecord
from gateway.recognition import assign
from gateway.recognition.assign import tokens
from gateway.recognition.candidates import Application, by_first_record, candidates
from gateway.recognition.estimate import Verdict
from gateway.recognition.facts import Facts, facts_of
from gateway.recognition.limits import NOTHING_BEFORE, Cell, Limits, limits_of
from gateway.recognition.prepared import prepared
from gateway.recognition.programme import Programme, TargetCourse
from gateway.recognition.quote import Quote
from gateway.recognition.rules import BAND_RANK, Caps, Cardinality, Group, GroupReason, Need, Rule, RuleSet
from gateway.recognition.simulate import PastItem, simulate
from gateway.recognition.words import mills

KINDS = ("COURSE", "MOOC", "SELF_EXAM", "SKILL_CERT")
TITLES = ("甲", "乙", "丙", "丁")
CODES = ("A", "B", "C", "D")
halves = st.integers(0, 10).map(lambda number: Decimal(number) / 2)


@st.composite
def records(draw: st.DrawFn, most: int = 6) -> list[RegionalRecord]:
    found = []
    for place in range(draw(st.integers(0, most))):
        size = draw(st.none() | halves | st.sampled_from([Decimal("3.375"), Decimal("1.234567")]))
        values = {
            "bank": draw(st.sampled_from(["CN-31", "CN-32", "CN-34"])),
            "kind": draw(st.sampled_from([*KINDS, "COMMUNITY"])),
            "title": draw(st.sampled_from(TITLES)),
            "band": draw(st.sampled_from("ABCDFP")),
        }
        found.append(record(f"r{place}", None if size is None else str(size), **values))
    return found


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    courses = tuple(TargetCourse(code, code, draw(halves), draw(st.sampled_from(["x", "y"]))) for code in CODES)
    caps = draw(st.dictionaries(st.sampled_from(["x", "y"]), halves, max_size=2))
    return Programme("P", "P", "CN-34", draw(st.sampled_from([Decimal(8), Decimal(16), Decimal(40)])), draw(halves), courses, caps)


@st.composite
def one_rule(draw: st.DrawFn, place: int) -> Rule:
    cardinality = draw(st.sampled_from(Cardinality))
    many = cardinality is Cardinality.MANY_TO_ONE
    to = tuple(draw(st.lists(st.sampled_from(CODES), unique=True, min_size=2 if cardinality is Cardinality.ONE_TO_MANY else 1, max_size=3)))
    needs = tuple(
        Need(
            frozenset(draw(st.sets(st.sampled_from(KINDS), min_size=1))),
            tuple(draw(st.lists(st.sampled_from(TITLES), unique=True, max_size=2))),
            band_min=draw(st.none() | st.sampled_from("BC")),
        )
        for _ in range(2 if many else 1)
    )
    fixed = draw(st.none() | st.lists(halves, min_size=1, max_size=1).map(tuple))
    return Rule(
        f"r{place}", place, "z", "e", cardinality, needs, to, (), fixed,
        catalogue=draw(st.sampled_from(["", "", "X"])) if fixed is not None else "",
        group=draw(st.sampled_from(["", "", "g"])),
        priority=draw(st.integers(0, 1)),
    )  # fmt: skip


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    rules = tuple(draw(one_rule(place)) for place in range(draw(st.integers(0, 6))))
    percents = st.sampled_from([Decimal(10), Decimal(25), Decimal(40)])
    caps = Caps(
        draw(st.sampled_from([Decimal(25), Decimal(50), Decimal(100)])),
        draw(halves),
        Decimal("0.5"),
        draw(st.dictionaries(st.sampled_from(KINDS), percents, max_size=2)),
        draw(st.dictionaries(st.sampled_from(["x", "y"]), halves, max_size=1)),
    )
    groups = (Group("g", "组", "group", GroupReason.HIGHEST_ONLY),)
    first, last = date(2026, 1, 1), date(2028, 12, 31)
    return RuleSet("t", "1", "CN-34", "z", "e", first, last, False, frozenset(), frozenset(), (), caps, groups, rules)


def used(quote: Quote, programme: Programme, found: Sequence[RegionalRecord]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Awarded credits by kind and by category, counted again from the items."""
    kinds = {(str(each.values["source.bank"]), each.record_id): str(each.values["kind"]) for each in found}
    categories = {course.code: course.category for course in programme.courses}
    by_kind: dict[str, Decimal] = {}
    by_category: dict[str, Decimal] = {}
    for item in quote.items:
        for award in item.awards:
            kind, category = kinds[item.source, item.record], categories[award.course]
            by_kind[kind] = by_kind.get(kind, Decimal(0)) + award.credits
            by_category[category] = by_category.get(category, Decimal(0)) + award.credits
    return by_kind, by_category


@given(records(), programmes(), rule_sets())
def test_credits_when_estimated_then_conserved_for_each_item_and_in_all(found, programme, rules):
    quote = quoted(found, programme, rules)
    for item in quote.items:
        assert item.recognised + item.refused == (item.submitted or 0)
        assert min(item.recognised, item.refused) >= 0
        assert item.why
        assert item.verdict is Verdict.RECOGNISED or not item.awards
    assert quote.submitted == quote.recognised + quote.refused
    assert quote.awarded == sum(award.credits for item in quote.items for award in item.awards)


@given(records(), programmes(), rule_sets())
def test_caps_when_estimated_then_none_is_exceeded_and_no_course_is_overfilled(found, programme, rules):
    quote = quoted(found, programme, rules)
    by_kind, by_category = used(quote, programme, found)
    caps = rules.caps
    assert quote.awarded <= programme.total_credits * caps.programme_percent / 100
    assert quote.awarded <= max(Decimal(0), programme.total_credits - max(programme.resident_credits_min, caps.resident_credits_min))
    for kind, percent in caps.kind_percent.items():
        assert by_kind.get(kind, 0) <= programme.total_credits * percent / 100
    for name in ("x", "y"):
        limits = [found[name] for found in (programme.category_caps, caps.category_credits) if name in found]
        assert all(by_category.get(name, 0) <= limit for limit in limits)
    for course in programme.courses:
        assert sum(award.credits for item in quote.items for award in item.awards if award.course == course.code) <= course.credits
    assert by_kind.get("COMMUNITY", 0) == 0


@given(records(), programmes(), rule_sets(), st.randoms(use_true_random=False))
def test_order_when_changed_then_the_same_estimate(found, programme, rules, chance):
    first = quoted(found, programme, rules)
    chance.shuffle(found)
    assert quoted(found, programme, rules) == first
    assert quoted(found, programme, rules).document() == first.document()


@given(records(), programmes(), rule_sets())
def test_record_when_added_then_the_best_total_never_falls(found, programme, rules):
    before = Decimal(0)
    for count in range(1, len(found) + 1):
        quote = quoted(found[:count], programme, rules)
        assert quote.exact
        assert quote.awarded >= before
        before = quote.awarded


@settings(max_examples=60, deadline=None)
@given(records(most=5), programmes(), rule_sets())
def test_choice_when_compared_with_every_other_then_none_is_better(found, programme, rules):
    ready = prepared(rules)
    facts = sorted((facts_of(each) for each in found), key=lambda each: each.key)
    free = [place for place, each in enumerate(facts) if each.kind != "COMMUNITY" and each.band != "F" and each.bank != "CN-34"]
    applications = candidates(ready, ready.plan(programme), facts, free, DAY, NOTHING_BEFORE).applications[:12]
    if len(applications) == 12:
        return
    limits = limits_of(programme, rules.caps)
    best = 0
    for picked in product((False, True), repeat=len(applications)):
        chosen = [each for each, taken in zip(applications, picked, strict=True) if taken]
        wanted = [token for each in chosen for token in set(tokens(each, facts))]
        if len(wanted) == len(set(wanted)):
            best = max(best, flow(amounts(chosen, facts), limits))
    assert mills(quoted(found, programme, rules).awarded) == best


@settings(max_examples=200, deadline=None)
@given(records(), programmes(), rule_sets())
def test_choice_when_compared_with_the_search_of_everything_then_the_very_same(found, programme, rules):
    ready = prepared(rules)
    facts = sorted((facts_of(each) for each in found), key=lambda each: each.key)
    applications = candidates(ready, ready.plan(programme), facts, range(len(facts)), DAY, NOTHING_BEFORE).applications
    limits = limits_of(programme, rules.caps)
    if len(applications) < 2:
        return
    taken = [tuple(tokens(each, facts)) for each in applications]
    binding = limits.binding(assign._reach(by_first_record(applications).values(), facts))
    searched, exact = assign._search(applications, facts, binding, taken, assign._shared(applications, taken))
    chosen = assign.choose(applications, facts, limits)
    assert exact
    assert chosen.exact
    assert sorted(chosen.applications, key=attrgetter("records")) == sorted(searched, key=attrgetter("records"))
    assert dict(chosen.given) == dict(assign.fit(searched, facts, binding))


@settings(max_examples=100, deadline=None)
@given(records(), programmes(), rule_sets(), st.integers(0, 5), st.booleans())
def test_simulation_when_two_sets_offer_much_the_same_then_each_as_if_tried_alone(found, programme, old, place, dropped):
    """What is chosen is not looked for again where both sets offer the same: that must not show."""
    rules = tuple(replace(each, group="") if each.place == place else each for each in old.rules if not dropped or each.place != place)
    new = replace(old, rules=rules)
    items = [PastItem("t", DAY, programme, each) for each in found]
    both, before, after = simulate(old, new, items), simulate(None, old, items), simulate(None, new, items)
    assert (both.credits_before, both.credits_after) == (before.credits_after, after.credits_after)
    assert (both.used, both.conflicts, both.without_rule) == (after.used, after.conflicts, after.without_rule)
    told = [{each.record: (each.credits_after, each.courses_after) for each in alone.changes} for alone in (before, after)]
    assert {each.record for each in both.changes} == {key for key in told[0] | told[1] if told[0].get(key) != told[1].get(key)}


def amounts(chosen: Sequence[Application], facts: Sequence[Facts]) -> dict[Cell, int]:
    found: dict[Cell, int] = {}
    for part in (part for each in chosen for part in each.parts):
        cell = facts[part.record].kind, part.course.category
        found[cell] = found.get(cell, 0) + part.amount
    return found


def flow(wanted: Mapping[Cell, int], limits: Limits) -> int:
    """The most that fits, by augmenting paths: slow, plain and another way than the engine's."""
    left: dict[tuple[str, str], int] = {("", "in"): limits.total}
    for (kind, category), amount in wanted.items():
        left["in", f"k{kind}"] = limits.kinds.get(kind, limits.total)
        left[f"k{kind}", f"c{category}"] = amount
        left[f"c{category}", "out"] = limits.categories.get(category, limits.total)
    total = 0
    while path := _path(left):
        step = min(left[edge] for edge in path)
        total += step
        for start, end in path:
            left[start, end] -= step
            left[end, start] = left.get((end, start), 0) + step
    return total


def _path(left: Mapping[tuple[str, str], int]) -> list[tuple[str, str]]:
    came: dict[str, str] = {"": ""}
    waiting = [""]
    while waiting:
        here = waiting.pop(0)
        for (start, end), room in left.items():
            if start == here and room > 0 and end not in came:
                came[end] = here
                waiting.append(end)
    if "out" not in came:
        return []
    path, here = [], "out"
    while here:
        path.append((came[here], here))
        here = came[here]
    return path


cells = st.dictionaries(st.tuples(st.sampled_from(["p", "q", "r"]), st.sampled_from(["x", "y", "z"])), st.integers(0, 9), max_size=9)
some_caps = st.dictionaries(st.sampled_from(["p", "q", "r"]), st.integers(0, 12), max_size=3)
other_caps = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.integers(0, 12), max_size=3)


@given(cells, st.integers(0, 40), some_caps, other_caps)
def test_most_that_fits_when_compared_with_augmenting_paths_then_equal(wanted, total, kinds, categories):
    limits = Limits(total, kinds, categories)
    grouped: dict[Cell, int] = {}
    for cell, amount in wanted.items():
        grouped[limits.cell(*cell)] = grouped.get(limits.cell(*cell), 0) + amount
    assert limits.most(grouped) == flow(wanted, limits)


def test_bands_when_ranked_then_as_the_standard_orders_them():
    assert sorted("ABCDPF", key=lambda band: -BAND_RANK[band]) == list("ABCDPF")
