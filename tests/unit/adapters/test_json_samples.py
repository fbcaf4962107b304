"""The stored samples of the two JSON provinces: good ones give the stored part, bad ones their named code."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import FormatError, RecordError
from gateway.model.local import LocalPart
from tests.support.json_provinces import NO_MANIFEST, ROOT, codes_of, samples, shanghai, zhejiang

ADAPTERS = {"shanghai": shanghai(), "zhejiang": zhejiang()}
GOOD = [(region, path) for region in ADAPTERS for path in samples(region, "good")]
DESIGN_DIGESTS = {
    "sh.json": "5718b591a2513d337aeccf8a15cc00101465a082989e08fbfc2dcec768221629",
    "zj.json": "670e0638cd9db2cd84b515201a58af597ca873b6520912e244b119d7e30a6baa",
}
BAD = [(region, path) for region in ADAPTERS for path in samples(region, "bad")]


def plain(part: LocalPart) -> dict[str, Any]:
    """A part as JSON; a Decimal as its text, marked."""
    return {
        "learner": [part.learner.account, part.learner.id_digest, part.learner.name],
        "values": dict(part.values),
        "records": [[r.row, r.record_id, r.form, r.operation, dict(r.values), list(r.issues)] for r in part.records],
        "quarantined": [[q.row, q.record_id, [[p.path, p.code] for p in q.problems]] for q in part.quarantined],
        "ignored": [[left.row, left.rule] for left in part.ignored],
        "warnings": list(part.warnings),
    }


def golden(part: LocalPart) -> str:
    return json.dumps(plain(part), ensure_ascii=False, indent=1, sort_keys=True, default=lambda number: f"Decimal {number}") + "\n"


@pytest.mark.parametrize(("region", "path"), GOOD, ids=[f"{region}-{path.stem}" for region, path in GOOD])
def test_parse_when_a_good_sample_then_the_stored_part(region: str, path: Path) -> None:
    part = ADAPTERS[region].parse(path.read_bytes(), NO_MANIFEST)
    assert part.records
    assert golden(part) == (ROOT / "tests/golden" / region / f"{path.stem}.part.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("region", "path"), GOOD, ids=[f"{region}-{path.stem}" for region, path in GOOD])
def test_render_when_a_good_sample_was_parsed_then_the_same_records(region: str, path: Path) -> None:
    adapter = ADAPTERS[region]
    part = adapter.parse(path.read_bytes(), NO_MANIFEST)
    again = adapter.parse(adapter.render(part), NO_MANIFEST)

    def own(read: LocalPart) -> list[Any]:
        chain = ("chain.height", "chain.prevHash", "chain.hash")
        return [
            (r.record_id, r.form, r.operation, r.issues, {path: value for path, value in r.values.items() if path not in chain})
            for r in read.records
        ]

    assert own(again) == own(part)
    assert again.learner == part.learner


@pytest.mark.parametrize(("region", "path"), BAD, ids=[f"{region}-{path.stem}" for region, path in BAD])
def test_parse_when_a_bad_sample_then_the_code_in_its_name(region: str, path: Path) -> None:
    try:
        codes = codes_of(ADAPTERS[region].parse(path.read_bytes(), NO_MANIFEST))
    except (FormatError, RecordError) as error:
        codes = [error.code]
    assert path.name.split("--")[0] in codes


@pytest.mark.parametrize("region", ADAPTERS)
def test_samples_when_counted_then_enough_of_each(region: str) -> None:
    assert len(samples(region, "good")) >= 5
    assert len(samples(region, "bad")) >= 8


def test_samples_when_the_design_samples_then_their_exact_bytes() -> None:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for _, path in GOOD if path.name in DESIGN_DIGESTS}
    assert digests == DESIGN_DIGESTS
