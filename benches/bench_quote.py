"""An estimate of 60 records against 5,000 rules, against a bare dictionary matching of the same; and the rate of the simulation.

Floor: one dictionary from title and kind to the first rule, one look-up a record, grade and credits compared by hand, a course
filled once, one cap of the whole.  It explains nothing, knows no other condition, no group, no other cap, and takes the first fit
where the engine finds the best.  Value: `quote` with every sentence, by 100 learners in turn; the figure is the p99 of one process.
`cpu_p99` is the same in processor time: on a machine that does other things too it is the lower, on a quiet one the same.
Records compete: titles repeat, a third of the records has two rules or more, caps of kinds bind.  All data is made up by a seed.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal

from measure import report

from gateway.model.dates import PartialDate
from gateway.model.regional import RegionalRecord
from gateway.model.units import Credits
from gateway.recognition.programme import Programme, TargetCourse
from gateway.recognition.quote import Quote, quote
from gateway.recognition.rules import BAND_RANK, Caps, Cardinality, Group, GroupReason, Need, Rule, RuleSet
from gateway.recognition.simulate import PastItem, simulate

RULES, RECORDS, LEARNERS, ROUNDS = 5_000, 60, 100, 5
PAST_ITEMS = 100_000
DAY = date(2026, 9, 15)
KINDS = ("COURSE", "COURSE", "COURSE", "SELF_EXAM", "MOOC", "SKILL_CERT")
TITLES = 2_000
COURSES = [f"C{number:03d}" for number in range(120)]


def programme() -> Programme:
    courses = tuple(TargetCourse(code, f"课程 {code}", Decimal(2 + place % 4), f"类{place % 5}") for place, code in enumerate(COURSES))
    return Programme("P", "演示专业", "CN-34", Decimal(160), Decimal(40), courses, {"类0": Decimal(12)})


def rules(chance: random.Random, version: str, least: str) -> RuleSet:
    found = []
    for place in range(RULES):
        kind, title = chance.choice(KINDS), f"成果 {chance.randrange(TITLES)}"
        many = place % 20 == 0
        to = tuple(chance.sample(COURSES, 2 if many else 1))
        need = Need(frozenset({kind}), (title,), band_min=chance.choice((None, "D", least)), years_max=8)
        cardinality = Cardinality.ONE_TO_MANY if many else Cardinality.ONE_TO_ONE
        group = f"G{place % 50}" if place % 25 == 0 else ""
        found.append(Rule(f"r{place}", place, f"规则 {place}", f"rule {place}", cardinality, (need,), to, group=group))
    groups = tuple(Group(f"G{place}", "组", "group", GroupReason.HIGHEST_ONLY) for place in range(50))
    caps = Caps(Decimal(50), Decimal(0), Decimal("0.5"), {"MOOC": Decimal(5), "SELF_EXAM": Decimal(10)}, {})
    first, last = date(2026, 1, 1), date(2028, 12, 31)
    head = ("bench", version, "CN-34", "演示", "made up", first, last, True, frozenset[str](), frozenset[str](), ())
    return RuleSet(*head, caps, groups, tuple(found))


def record(chance: random.Random, name: str) -> RegionalRecord:
    size = Decimal(chance.randrange(2, 11)) / 2
    return RegionalRecord(
        {
            "source.bank": chance.choice(("CN-31", "CN-32", "CN-33")),
            "source.record": name,
            "kind": chance.choice(KINDS),
            "status": "VALID",
            "title": f"成果 {chance.randrange(TITLES)}",
            "size.declared": Credits(size + chance.choice((0, 0, Decimal("0.5")))),
            "size.credits": Credits(size),
            "size.policy": "YRD-2024.1",
            "result.band": chance.choice("ABBCCD"),
            "result.passed": True,
            "date.awarded": PartialDate(chance.randrange(2017, 2026), 6),
            "convertible": True,
        }
    )


def by_hand(table: dict[tuple[str, str], Rule], courses: dict[str, TargetCourse], records: list[RegionalRecord]) -> Decimal:
    """First fit: what a bank's programmer would write in an hour."""
    left, filled = Decimal(80), set()
    for each in records:
        values = each.values
        rule = table.get((str(values["title"]), str(values["kind"])))
        if rule is None or rule.to[0] in filled:
            continue
        band = rule.needs[0].band_min
        if band is not None and BAND_RANK[str(values["result.band"])] < BAND_RANK[band]:
            continue
        size = values["size.credits"]
        assert isinstance(size, Credits)
        filled.add(rule.to[0])
        left -= min(left, size.value, courses[rule.to[0]].credits)
    return 80 - left


def timed(
    work: Callable[[list[RegionalRecord]], object], learners: list[list[RegionalRecord]], clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """Milliseconds of each learner."""
    times = []
    for records in learners:
        started = clock()
        work(records)
        times.append((clock() - started) * 1000)
    return times


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def past(chance: random.Random, target: Programme) -> Iterator[PastItem]:
    """Transfers of one to four items."""
    number = done = 0
    kept = [record(chance, f"p{place}") for place in range(5_000)]
    while done < PAST_ITEMS:
        number += 1
        for place in range(min(chance.randrange(1, 5), PAST_ITEMS - done)):
            yield PastItem(f"t{number}", DAY, target, kept[(done * 7 + place) % len(kept)])
            done += 1


def main() -> None:
    chance = random.Random(20260915)  # a fixed seed: the same data every time
    target, rule_set = programme(), rules(chance, "1", "C")
    learners = [[record(chance, f"r{learner}-{place}") for place in range(RECORDS)] for learner in range(LEARNERS)]
    table = {(rule.needs[0].titles[0], next(iter(rule.needs[0].kinds))): rule for rule in reversed(rule_set.rules)}
    courses = {course.code: course for course in target.courses}

    def engine(records: list[RegionalRecord]) -> Quote:
        found = quote(records, target, rule_set, DAY)
        assert isinstance(found, Quote)
        return found

    quotes = [engine(records) for records in learners]
    timed(lambda records: by_hand(table, courses, records), learners)
    floors, values = [], []
    for _ in range(ROUNDS):
        floors.append(p99(timed(lambda records: by_hand(table, courses, records), learners)))
        values.append(p99(timed(engine, learners)))
    draft = rules(random.Random(20260915), "2", "B")
    items = list(past(chance, target))
    started, began = time.perf_counter(), time.process_time()
    simulated = simulate(rule_set, draft, items, progress=lambda _: None)
    rate, cpu_rate = simulated.items / (time.perf_counter() - started), simulated.items / (time.process_time() - began)
    print(f"simulation: {simulated.items} items, {rate:,.0f} items/s, two rule sets of {RULES} rules each")
    report(
        "quote",
        floors,
        values,
        "ms",
        "nothing is stored",
        percentile=99,
        median=round(statistics.median(timed(engine, learners)), 1),
        cpu_p99=round(p99(timed(engine, learners, time.process_time)), 1),
        records=RECORDS,
        rules=RULES,
        exact=sum(found.exact for found in quotes),
        of=len(quotes),
        recognised_mean=round(statistics.mean(float(found.awarded) for found in quotes), 1),
        by_hand_mean=round(statistics.mean(float(by_hand(table, courses, records)) for records in learners), 1),
        simulation_items=simulated.items,
        simulation_items_per_s=round(rate),
        simulation_items_per_cpu_s=round(cpu_rate),
        simulation_changed=simulated.items - simulated.unchanged,
    )


if __name__ == "__main__":
    main()
