"""Each good sample of Jiangsu gives exactly the stored local part.

The stored parts are written once and read by people; a change here is a change of what the adapter reads.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from gateway.adapters.jiangsu.adapter import build
from gateway.model.local import PartManifest

HERE = Path(__file__).parent
SAMPLES = sorted((HERE.parents[2] / "gateway/adapters/jiangsu/samples/good").iterdir())
IDS = PartManifest("2024-07", {row: f"JS-T{row:02d}" for row in range(1, 60)})


def as_text(content):
    return json.dumps(asdict(build({}).parse(content, IDS)), ensure_ascii=False, indent=1, default=str) + "\n"


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_good_sample_when_parsed_then_the_stored_part(path):
    assert as_text(path.read_bytes()) == (HERE / f"{path.stem}.json").read_text("utf-8")


def test_stored_parts_when_listed_then_one_for_each_good_sample():
    assert {path.stem for path in HERE.glob("*.json")} == {path.stem for path in SAMPLES}
