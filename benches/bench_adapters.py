"""Each province's `parse`, against a bare parse of the same bytes by the library beneath it.

Floor: `json.loads`, `lxml.etree.fromstring`, or `csv.reader` over the decoded text: no bounds, no checks, no
records.  Value: the adapter's `parse`: bounded reading, every check of the format (Zhejiang's hash chain
too), records with their ids.  One JSON line a province; the unit is rows of the bank's own sample.
"""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from lxml import etree
from measure import alternate, rate, report

from gateway.adapters.contract import RegionAdapter
from gateway.app import load_tools
from gateway.model.local import PartManifest

ROOT = Path(__file__).parents[1]
SECONDS = 0.5
ROUNDS = 5
Bare = Callable[[bytes], object]


def bare_csv(content: bytes) -> object:
    return list(csv.reader(io.StringIO(content.decode("gb18030"))))


SAMPLES: dict[str, tuple[str, Bare]] = {
    "shanghai": ("sh.json", json.loads),
    "jiangsu": ("every-class.xml", etree.fromstring),
    "zhejiang": ("zj.json", json.loads),
    "anhui": ("grades-of-five-kinds.csv", bare_csv),
}


def manifest_for(region: str, adapter: RegionAdapter, content: bytes) -> PartManifest:
    """Ids for the rows of the two formats that have none."""
    if region not in ("jiangsu", "anhui"):
        return PartManifest()
    rows = adapter.parse(content, PartManifest()).rows_read
    return PartManifest(period="2024-06", ids={row: f"{region}-{row}" for row in range(1, rows + 1)})


def compare(region: str, adapter: RegionAdapter) -> None:
    name, bare = SAMPLES[region]
    content = (ROOT / "gateway/adapters" / region / "samples/good" / name).read_bytes()
    manifest = manifest_for(region, adapter, content)
    part = adapter.parse(content, manifest)
    assert part.records
    assert not part.quarantined, part.quarantined

    def floor() -> int:
        bare(content)
        return part.rows_read

    def value() -> int:
        adapter.parse(content, manifest)
        return part.rows_read

    floors, values = alternate(lambda: rate(floor, SECONDS), lambda: rate(value, SECONDS), ROUNDS)
    report(f"parse_{region}", floors, values, "rows/s", "nothing is stored", rows=part.rows_read, bytes=len(content))


def main() -> None:
    regions = load_tools().regions
    for region in SAMPLES:
        compare(region, regions[region])


if __name__ == "__main__":
    main()
