"""The stored samples: good ones against their golden reading, bad ones against the code in their name.

A golden file changes only on purpose: `python tests/unit/adapters/test_anhui_samples.py` from the
project's root writes them anew.
"""

import json
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.adapters.anhui.adapter import build
from gateway.adapters.contract import Feed
from gateway.adapters.manifest import read_manifest
from gateway.errors import GatewayError
from gateway.model.local import LocalPart, PartManifest

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "gateway/adapters/anhui/samples"
GOLDEN = ROOT / "tests/golden/anhui"
GOOD, BAD, FEEDS = (sorted(path for path in (SAMPLES / folder).iterdir()) for folder in ("good", "bad", "feed"))
ADAPTER = build(tomllib.loads((ROOT / "config/regions/anhui.toml").read_text("utf-8"))["adapter"])
ROWS = {"continued-row.csv": 2, "grades-of-five-kinds.csv": 5, "system-of-1904.xlsx": 2, "merged-cells-title-totals.xlsx": 3}


def manifest(name: str) -> PartManifest:
    return PartManifest("2023-06", {row: f"AH-SAMPLE-{row}" for row in range(1, ROWS.get(name, 1) + 1)})


def part_json(part: LocalPart) -> object:
    return {
        "learner": {"account": part.learner.account, "citizen_id": part.learner.citizen_id, "name": part.learner.name},
        "values": dict(part.values),
        "records": [
            {"record_id": record.record_id, "row": record.row, "values": dict(record.values), "issues": list(record.issues)}
            for record in part.records
        ],
        "ignored": [[each.row, each.rule] for each in part.ignored],
        "warnings": list(part.warnings),
    }


def feed_json(feed: Feed) -> object:
    return {
        "parts": [
            {
                "learner": part.learner_key,
                "rows": list(part.rows),
                "ids": {str(row): identifier for row, identifier in part.manifest.ids.items()},
                "read": part_json(ADAPTER.parse(part.content, part.manifest)),
            }
            for part in feed.parts
        ],
        "rows_read": feed.rows_read,
        "quarantined": [[each.row, [[problem.path, problem.code] for problem in each.problems]] for each in feed.quarantined],
        "ignored": [[each.row, each.rule] for each in feed.ignored],
        "warnings": list(feed.warnings),
    }


def as_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def golden(path: Path) -> str:
    if path in FEEDS:
        return as_text(feed_json(ADAPTER.split(path.read_bytes(), PartManifest("2023-06"), {})))
    return as_text(part_json(ADAPTER.parse(path.read_bytes(), manifest(path.name))))


@pytest.mark.parametrize("path", GOOD + FEEDS, ids=lambda path: path.name)
def test_sample_when_good_then_read_as_its_golden_file_says(path: Path) -> None:
    assert golden(path) == (GOLDEN / f"{path.name}.json").read_text("utf-8")


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_sample_when_good_then_nothing_is_quarantined_and_rows_add_up(path: Path) -> None:
    part = ADAPTER.parse(path.read_bytes(), manifest(path.name))
    assert part.quarantined == ()
    assert part.records
    assert part.rows_read == len(part.records) + len(part.ignored)


def codes_of(content: bytes) -> list[str]:
    """Every code the sample gives, with ids for as many rows as it has."""
    try:
        rows = ADAPTER.split(content, PartManifest("2023-06"), {}).rows_read
        part = ADAPTER.parse(content, PartManifest("2023-06", {row: f"AH-{row}" for row in range(1, rows + 1)}))
    except GatewayError as error:
        return [error.code]
    return [problem.code for row in part.quarantined for problem in row.problems]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_sample_when_bad_then_gives_the_code_in_its_name(path: Path) -> None:
    assert path.name.split("--")[0] in codes_of(path.read_bytes())


def test_samples_when_counted_then_enough_of_each() -> None:
    kinds = {path.suffix for path in GOOD}
    assert (len(GOOD) >= 5, len(BAD) >= 10, kinds) == (True, True, {".csv", ".xlsx"})


def test_sample_feed_when_compared_then_the_agreed_bytes() -> None:
    content = (SAMPLES / "feed/ah.csv").read_bytes()
    assert (len(content), sha256(content).hexdigest()) == (657, "4fc48e8470493477546785e4f456d3b177da3e10ac661b0bc298e83dc87c70c1")


def test_manifest_when_read_then_fits_the_adapter() -> None:
    facts = read_manifest("anhui")
    assert (facts.region, facts.media_types, facts.invented) == (ADAPTER.region, ADAPTER.media_types, True)


if __name__ == "__main__":
    for each in GOOD + FEEDS:
        (GOLDEN / f"{each.name}.json").write_text(golden(each), "utf-8")
