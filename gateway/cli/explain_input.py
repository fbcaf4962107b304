"""From a file to one learner's parts: which province wrote it, and the cuts.

A file is taken for a province's when only that province's adapter finds something in it; where several
do, or none, the person must say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.adapters.contract import Feed, RegionAdapter
from gateway.cli.faults import CliError
from gateway.errors import GatewayError, RecordError
from gateway.model.local import Ignored, LocalPart, PartManifest, Quarantined

WHOLE: Final = PartManifest()


@dataclass(frozen=True, slots=True)
class Parts:
    """`rows_read` of the file = `rows` of all parts + quarantined + ignored.  Faults of rows inside a part are in the part.

    `rows` counts each part's own rows of the file; a part may hold more (a chain holds others' withheld links).
    """

    region: str
    parts: tuple[LocalPart, ...]
    rows: tuple[int, ...]
    rows_read: int
    quarantined: tuple[Quarantined, ...] = ()
    ignored: tuple[Ignored, ...] = ()


def read_parts(adapter: RegionAdapter, content: bytes, manifest: PartManifest | None) -> Parts:
    """With a manifest the file is one part; else a feed, cut into its learners.  Raises FormatError, RecordError."""
    if manifest is not None:
        part = adapter.parse(content, manifest)
        return Parts(adapter.region, (part,), (part.rows_read,), part.rows_read)
    feed = adapter.split(content, WHOLE, {})
    if not feed.parts:
        whole = _cut_before(adapter, content)
        if whole is not None:
            return Parts(adapter.region, (whole,), (whole.rows_read,), whole.rows_read)
    parts = tuple(adapter.parse(each.content, each.manifest) for each in feed.parts)
    rows = tuple(len(each.rows) for each in feed.parts)
    return Parts(adapter.region, parts, rows, feed.rows_read, feed.quarantined, feed.ignored)


def _cut_before(adapter: RegionAdapter, content: bytes) -> LocalPart | None:
    """A part that was cut before (a chain with the other learners withheld) is no feed any more, but can be read."""
    try:
        part = adapter.parse(content, WHOLE)
    except GatewayError:
        return None
    return part if part.records else None


def guess_region(adapters: Mapping[str, RegionAdapter], content: bytes) -> str:
    """The one region whose adapter makes most of these bytes.  Raises CliError(`cli.region_unclear`)."""
    marks = {region: _mark(adapter, content) for region, adapter in adapters.items()}
    best = max(marks.values())
    found = sorted(region for region, mark in marks.items() if mark == best)
    if best and len(found) == 1:
        return found[0]
    raise CliError(
        "cli.region_unclear",
        "看不出是哪个省的格式,请用 --region 指明",
        "it does not show whose format this is: name it with --region",
        candidates=", ".join(found) if best else "",
        regions=", ".join(adapters),
    )


def _mark(adapter: RegionAdapter, content: bytes) -> int:
    """3: learners found; 2: readable as a part; 1: of the right form, but not of its promise, or damaged throughout; 0: another format."""
    marks = [0]
    try:
        feed: Feed = adapter.split(content, WHOLE, {})
        marks.append(3 if feed.parts else 1)
    except RecordError as error:
        marks.append(_near(error))
    except GatewayError:
        marks.append(0)
    if max(marks) < 3:
        try:
            adapter.parse(content, WHOLE)
            marks.append(2)
        except RecordError as error:
            marks.append(_near(error))
        except GatewayError:
            marks.append(0)
    return max(marks)


def _near(error: RecordError) -> int:
    return 0 if error.code.startswith(("record.not_one_", "record.unknown_document")) else 1
