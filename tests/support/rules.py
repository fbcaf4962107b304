"""Records, programmes and rule sets for tests of the recognition.  All people and results are made up."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

from gateway.model.codes import CodeTables, load_code_tables
from gateway.model.dates import PartialDate
from gateway.model.regional import RegionalRecord, RegionalValue
from gateway.model.units import Credits, Minutes, Points, Units
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.catalogue_files import read_catalogue
from gateway.recognition.programme import Programme, TargetCourse
from gateway.recognition.quote import Quote, quote
from gateway.recognition.rule_file import load_rules
from gateway.recognition.rules import RuleSet

ROOT = Path(__file__).parents[2]
DAY = date(2026, 9, 15)
RULE_SETS = ROOT / "gateway/recognition/rule_sets"
HEAD = """
format = "ceg-rules-1"
id = "test"
version = "1"
zh = "测试"
en = "test"
accepting = "CN-34"
effective = 2026-01-01
review = 2028-12-31
"""
CAPS = """
[caps]
programme_percent = "50"
resident_credits_min = "0"
"""


@cache
def codes() -> CodeTables:
    return load_code_tables(ROOT / "standards")


@cache
def catalogue() -> Catalogue:
    folder = ROOT / "standards/catalogue/demo-1.0"
    return read_catalogue({path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}, codes())


@cache
def demo(name: str) -> RuleSet:
    return load_rules(f"{name}.toml", (RULE_SETS / f"{name}.toml").read_bytes(), codes())


@cache
def demo_programme(code: str) -> Programme:
    return catalogue().programme(code, DAY)


def rule_set(rules: str, *, head: str = HEAD, caps: str = CAPS) -> RuleSet:
    """A rule set of `[[rule]]` tables."""
    return load_rules("test.toml", (head + caps + rules).encode(), codes())


def rule(
    id: str,
    to: str | list[str],
    *,
    title: str | list[str] = "管理学基础",
    kind: str = "COURSE",
    credits: str = '"record"',
    need: str = "",
    more: str = "",
) -> str:
    """One rule with one need, as text."""
    courses = [to] if isinstance(to, str) else to
    titles = [title] if isinstance(title, str) else title
    named = f"title = {titles!r}" if titles else ""
    head = f'[[rule]]\nid = "{id}"\nzh = "{id}"\nen = "{id}"\nto = {courses!r}\ncredits = {credits}\n{more}\n'
    return head + f'[[rule.need]]\nkind = ["{kind}"]\n{named}\n{need}\n'


def programme(*courses: tuple[str, str], total: str = "80", caps: Mapping[str, str] | None = None, resident: str = "0") -> Programme:
    """A programme of CN-34; a course is `(code, credits)` or `(code/category, credits)`."""
    listed = tuple(
        TargetCourse(code.partition("/")[0], f"课程{code.partition('/')[0]}", Decimal(size), code.partition("/")[2] or "课")
        for code, size in courses
    )
    limits = {name: Decimal(size) for name, size in (caps or {}).items()}
    return Programme("P", "测试专业", "CN-34", Decimal(total), Decimal(resident), listed, limits)


def record(
    id: str = "r1",
    size: str | None = "4",
    *,
    bank: str = "CN-31",
    kind: str = "COURSE",
    title: str = "管理学基础",
    band: str = "B",
    **more: str,
) -> RegionalRecord:
    """A regional record; `more` takes field paths with `__` for the dot, e.g. `certificate__scheme`."""
    values: dict[str, RegionalValue] = {
        "source.bank": bank,
        "source.record": id,
        "source.form": "x",
        "kind": kind,
        "status": "VALID",
        "title": title,
        "result.band": band,
        "result.passed": band != "F",
        "date.awarded": PartialDate(2024, 6, 30),
        "convertible": True,
    }
    if size is not None:
        values |= {"size.credits": Credits(Decimal(size)), "size.declared": Credits(Decimal(size)), "size.policy": "YRD-2024.1"}
    for name, value in more.items():
        values[name.replace("__", ".")] = _typed(name, value)
    return RegionalRecord({path: value for path, value in values.items() if value != ""})


def _typed(name: str, value: str) -> RegionalValue:
    if name.startswith("date__"):
        return PartialDate.from_iso(value)
    if name in ("size__credits", "size__declared"):
        return Credits(Decimal(value))
    if name == "size__points":
        return Points(Decimal(value))
    if name == "size__minutes":
        return Minutes(Decimal(value))
    if name.startswith("size__") and name != "size__policy":
        return Units(Decimal(value))
    if name == "level__regional":
        return int(value)
    if name == "convertible":
        return value == "true"
    return value


def quoted(records: list[RegionalRecord], target: Programme, rules: RuleSet, day: date = DAY) -> Quote:
    """The estimate; a refusal of the whole is a failure."""
    found = quote(records, target, rules, day)
    assert isinstance(found, Quote), found
    return found
