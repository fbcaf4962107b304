"""What has changed between the part a bank has signed and what it says now.  Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.model.local import LocalPart, LocalRecord, Operation
from gateway.model.transfer import ItemState

UNSAID: Final = frozenset({"@XH", "@CZ", "序号", "op", "reason"})
"""Where a row stands and what is done to it: not what it says of the achievement."""
CHAIN: Final = "chain."
ALIVE: Final = frozenset({ItemState.CLAIMED, ItemState.RECOGNISED, ItemState.REFUSED})
KEPT_BACK: Final = frozenset({"unknown_record", "quarantined", "mapping_refused"})
"""Why an item may be closed for want of a sound row."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Record ids in the order of the request.  `doubts` maps a record to what people are to clear up (a code)."""

    void: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    doubts: Mapping[str, str] = field(default_factory=dict)


def differences(
    requested: Sequence[str],
    items: Mapping[str, Mapping[str, Any]],
    before: LocalPart | None,
    after: LocalPart | None,
    gone: Mapping[str, str],
) -> Differences:
    """`items` as the gateway told them last; a record without one was refused with its case."""
    signed, now = _by_id(before), _by_id(after)
    void, changed, mended, doubts = [], [], [], {}
    for record in requested:
        item, was, here = items.get(record, {}), signed.get(record), now.get(record)
        sound = here is not None and here.operation is not Operation.CANCEL
        if item.get("state") in ALIVE:
            if gone.get(record) == "revoked" or (here is not None and not sound):
                void.append(record)
            elif here is None:
                doubts[record] = gone.get(record, "unknown_record")
            elif was is not None and said(was) != said(here):
                changed.append(record)
        elif sound and (item.get("reason") in KEPT_BACK or (not item and was is None)):
            mended.append(record)
    return Differences(tuple(void), tuple(changed), tuple(mended), doubts)


def said(record: LocalRecord) -> tuple[str, dict[str, object]]:
    """What a row says of its achievement, wherever it stands and however often it was said."""
    return record.form, {path: value for path, value in record.values.items() if path not in UNSAID and not path.startswith(CHAIN)}


def says_the_same(one: LocalPart, other: LocalPart) -> bool:
    """Whether two parts say the same of the same records."""
    return {key: said(record) for key, record in _by_id(one).items()} == {key: said(record) for key, record in _by_id(other).items()}


def _by_id(part: LocalPart | None) -> dict[str, LocalRecord]:
    return {record.record_id: record for record in part.records} if part is not None else {}
