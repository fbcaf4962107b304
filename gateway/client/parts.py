"""From a bank's feed to the part that travels: one learner, only the records that were asked for.

Data of learners who asked for nothing, and records nobody asked for, never leave the bank.  Zhejiang's
chain keeps its links and withholds the other payloads; the other formats are written again with the
wanted rows, each under the id it was given.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.adapters.contract import FeedPart, RegionAdapter
from gateway.adapters.zhejiang.batch import REGION as ZHEJIANG
from gateway.adapters.zhejiang.feed import withhold
from gateway.client.bank import Supply
from gateway.errors import RecordError
from gateway.model.local import LocalPart, LocalRecord, LocalValue, PartManifest

SEQUENCE: Final = "@XH"
"""Jiangsu's number of a row in its batch."""


def select(adapter: RegionAdapter, part: FeedPart, wanted: Collection[str], account: str) -> Supply:
    """The part with exactly the wanted records; those it does not hold are closed as `unknown_record`.

    Raises RecordError(`record.none_wanted`) where it holds none of them.
    """
    read = adapter.parse(part.content, part.manifest)
    present = {record.record_id for record in read.records}
    chosen = [record for record in read.records if record.record_id in wanted]
    if not chosen:
        raise RecordError("record.none_wanted", "没有所申请的记录", "none of the requested records is there")
    closed = {record: "unknown_record" for record in wanted if record not in present}
    known = {key: part.manifest.ids[row] for row, key in part.natural_keys.items() if row in part.manifest.ids}
    if adapter.region == ZHEJIANG:
        return Supply(withhold(part.content, frozenset(wanted)), part.media_type, PartManifest(), account, closed, known)
    issues = {record.record_id: part.manifest.issues[record.row] for record in chosen if record.row in part.manifest.issues}
    period = part.manifest.period if part.manifest.ids else None
    return replace(compose(adapter, read, chosen, period, issues), account=account, closed=closed, known_ids=known)


def compose(
    adapter: RegionAdapter, head: LocalPart, chosen: Sequence[LocalRecord], period: str | None, issues: Mapping[str, Sequence[str]]
) -> Supply:
    """A part with these records in this order under the head of another part.  `period` is None where records have ids of their own.

    Raises RecordError for what the format cannot say.
    """
    records = tuple(replace(record, row=place, values=_unplaced(record)) for place, record in enumerate(chosen, 1))
    content = adapter.render(replace(head, records=records, quarantined=(), ignored=(), warnings=()))
    manifest = PartManifest()
    if period is not None:
        noted = {record.row: tuple(issues[record.record_id]) for record in records if issues.get(record.record_id)}
        manifest = PartManifest(period, {record.row: record.record_id for record in records}, noted)
    return Supply(content, adapter.media_types[0], manifest)


def _unplaced(record: LocalRecord) -> dict[str, LocalValue]:
    """Without the number of the row in its own batch, which means nothing among rows of others."""
    return {path: value for path, value in record.values.items() if path != SEQUENCE}
