"""Parts of four provinces for tests of the mapping: every good sample, read by its own adapter, and parts made by hand.

All people are synthetic.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

from gateway.adapters.contract import RegionAdapter
from gateway.mapping.engine import Mapper, load_mapper
from gateway.mapping.loss import balances
from gateway.model.codes import CodeTables, load_code_tables
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, LocalValue, Operation, PartManifest
from gateway.model.regional import Fate, LossReport, RegionalRecord

ROOT = Path(__file__).parents[2]
MEMBERS = {"shanghai": "CN-31", "jiangsu": "CN-32", "zhejiang": "CN-33", "anhui": "CN-34"}
SAMPLES = {"shanghai": "sh.json", "jiangsu": "js.xml", "zhejiang": "zj.json", "anhui": "one-course.csv"}
FORMS = {"shanghai": "credit", "jiangsu": "CG", "zhejiang": "MOOC_COURSE", "anhui": "row"}
VERSIONS = {"shanghai": "1", "jiangsu": "1.4", "zhejiang": "2.3", "anhui": "1"}
PAIRS = [(source, target) for source in MEMBERS for target in MEMBERS if source != target]


@cache
def codes() -> CodeTables:
    return load_code_tables(ROOT / "standards")


@cache
def mapper() -> Mapper:
    return load_mapper(ROOT / "gateway/mapping/rules", codes())


@cache
def adapter(region: str) -> RegionAdapter:
    settings = tomllib.loads((ROOT / f"config/regions/{region}.toml").read_text(encoding="utf-8"))
    built: RegionAdapter = import_module(f"gateway.adapters.{region}.adapter").build(settings["adapter"])
    return built


class EveryRow(dict[int, str]):
    """Names each row that is asked for, and no other."""

    def __init__(self, region: str) -> None:
        super().__init__()
        self._region = region

    def get(self, row: int, default: str = "") -> str:
        return f"{self._region}-{row}"

    def __missing__(self, row: int) -> str:
        return self.get(row)

    def __contains__(self, row: object) -> bool:
        return True


def manifest(region: str) -> PartManifest:
    """Ids for banks whose rows have none."""
    return PartManifest("2023-06", EveryRow(region) if region in ("jiangsu", "anhui") else {})


@cache
def sample(region: str, name: str = "") -> LocalPart:
    """A good sample of the province's folder, by default the one of the comparable course."""
    content = (ROOT / "gateway/adapters" / region / "samples/good" / (name or SAMPLES[region])).read_bytes()
    return adapter(region).parse(content, manifest(region))


def good_samples() -> list[tuple[str, str]]:
    return [(region, path.name) for region in MEMBERS for path in sorted((ROOT / "gateway/adapters" / region / "samples/good").iterdir())]


def part_of(region: str, *records: Mapping[str, LocalValue], values: Mapping[str, LocalValue] | None = None, **facts: str) -> LocalPart:
    """One learner with records of the province's main class; `form` and `operation` may be given."""
    operation = Operation(facts.get("operation", "deposit"))
    form = facts.get("form", FORMS[region])
    made = tuple(LocalRecord(f"R{row}", operation, row, form, record) for row, record in enumerate(records, 1))
    return LocalPart(region, VERSIONS[region], LocalLearner(facts.get("account", "")), values or {}, made)


def one(region: str, values: Mapping[str, LocalValue], **facts: str) -> RegionalRecord:
    """The regional record of one local record that must map."""
    mapped = mapper().to_regional(part_of(region, values, **facts), MEMBERS[region])
    assert not mapped.refused, mapped.refused
    assert balances(mapped.loss)
    return mapped.part.records[0]


def refusal(region: str, values: Mapping[str, LocalValue], **facts: str) -> list[tuple[str, str]]:
    """Path and code of every problem of one local record that must be refused."""
    mapped = mapper().to_regional(part_of(region, values, **facts), MEMBERS[region])
    assert not mapped.part.records
    assert balances(mapped.loss)
    return [(problem.path, problem.code) for problem in mapped.refused[0].problems]


def lines(loss: LossReport, fate: Fate, record: str = "R1") -> dict[str, tuple[str, str]]:
    """Reason and value by path, of one record's lines of one fate."""
    return {line.path: (line.reason, line.value) for line in loss.losses if line.fate is fate and line.record == record}


BASE: dict[str, dict[str, LocalValue]] = {
    "shanghai": {"credit_outer_id": "R1", "course_name": "管理学基础"},
    "jiangsu": {"@LB": "01", "@CZ": "X", "KC@MC": "管理学基础"},
    "zhejiang": {"achId": "R1", "achType": "MOOC_COURSE", "title": "基础会计", "op": "DEPOSIT"},
    "anhui": {"成果名称": "会计学基础", "成果类型": "学历课程"},
}
"""The least that each bank's main class needs."""


def record(region: str, values: Mapping[str, LocalValue], **facts: str) -> RegionalRecord:
    return one(region, BASE[region] | values, **facts)


def problems(region: str, values: Mapping[str, LocalValue], **facts: str) -> list[tuple[str, str]]:
    return refusal(region, BASE[region] | values, **facts)


def written(
    region: str, values: Mapping[str, LocalValue], target: str
) -> tuple[dict[str, LocalValue], dict[str, tuple[str, str]], dict[str, tuple[str, str]]]:
    """What a record of one bank becomes for another, what is dropped and what is only near."""
    mapped = mapper().to_regional(part_of(region, BASE[region] | values), MEMBERS[region])
    local = mapper().to_local(mapped.part, target)
    return dict(local.part.records[0].values), lines(local.loss, Fate.DROPPED), lines(local.loss, Fate.APPROXIMATE)
