"""A Zhejiang feed of many learners → one batch a learner; and a batch with only some payloads shown.

Entries of learners interleave; each learner's own chain must be whole.  A learner whose chain, account
or digest is at fault is quarantined with all rows, the others go on.  Inside a whole chain a damaged
row is quarantined too and stays in the part as its link only, so that the rest remains checkable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.adapters.contract import Feed, FeedPart
from gateway.adapters.zhejiang.achievement import Reader
from gateway.adapters.zhejiang.batch import CHAIN_FORM, CHAIN_KEYS, Settings, entries_of, read_entries, read_head, read_link
from gateway.adapters.zhejiang.learner import NO_LEARNER, account_of
from gateway.errors import Problem, RecordError
from gateway.formats.json_safe import JsonInput, JsonLimits, JsonValue, read_json, write_json
from gateway.model.identifiers import IdentifierError
from gateway.model.local import Ignored, LocalValue, PartManifest, Quarantined

_FEED_NODES_MAX = 8_000_000


@dataclass(slots=True)
class _Sorted:
    """A feed's rows by learner, and what could not be given to one."""

    rows_read: int = 0
    by_account: dict[str, list[tuple[int, JsonValue]]] = field(default_factory=dict)
    heads: dict[str, dict[str, LocalValue]] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    warnings: set[str] = field(default_factory=set)


def split_feed(content: bytes, settings: Settings, reader: Reader) -> Feed:
    """Cut `content`.  Raises FormatError, and RecordError for a page whose head is at fault."""
    value = read_json(content, JsonLimits(bytes_max=settings.feed_bytes_max, nodes_max=_FEED_NODES_MAX))
    found = _Sorted()
    for page in value if isinstance(value, list) else [value]:
        head, records, warnings = read_head(page, settings)
        found.warnings |= warnings
        for entry in records:
            found.rows_read += 1
            _place(entry, head, found)
    parts = [_part(account, rows, found, settings, reader) for account, rows in found.by_account.items()]
    return Feed(
        parts=tuple(part for part in parts if part is not None),
        rows_read=found.rows_read,
        quarantined=tuple(sorted(found.quarantined, key=lambda damaged: damaged.row)),
        ignored=tuple(sorted(found.ignored, key=lambda left: left.row)),
        warnings=tuple(sorted(found.warnings)),
    )


def _place(entry: JsonValue, head: dict[str, LocalValue], found: _Sorted) -> None:
    row = found.rows_read
    place = f"row {row}"
    link = read_link(row, entry)
    if link is None:
        found.quarantined.append(Quarantined(row, "", (CHAIN_FORM.at(place),)))
        return
    learner = link.payload.get("learner") if link.payload is not None else None
    if not isinstance(learner, dict):
        found.quarantined.append(Quarantined(row, "", (NO_LEARNER.at(f"{place}/learner"),)))
        return
    try:
        account = account_of(learner.get("zheXueMa"))
    except IdentifierError as error:
        found.quarantined.append(Quarantined(row, "", (Problem(f"{place}/learner.zheXueMa", error.code, error.zh, error.en),)))
    except ValueError:
        found.quarantined.append(Quarantined(row, "", (NO_LEARNER.at(f"{place}/learner.zheXueMa"),)))
    else:
        found.by_account.setdefault(account, []).append((row, entry))
        found.heads[account] = head


def _part(account: str, rows: list[tuple[int, JsonValue]], found: _Sorted, settings: Settings, reader: Reader) -> FeedPart | None:
    """One learner's batch, or None when none of the learner's rows can go out."""
    head = found.heads[account]
    try:
        part = read_entries(rows, head, settings, reader)
    except RecordError as error:
        problems = error.problems or (Problem("", error.code, error.zh, error.en),)
        found.quarantined += [Quarantined(row, "", problems) for row, _ in rows]
        return None
    damaged = {one.row for one in part.quarantined}
    left_out = {one.row for one in part.ignored if one.rule == "repeated_row"}
    found.quarantined += part.quarantined
    found.ignored += [one for one in part.ignored if one.row in left_out]
    found.warnings.update(part.warnings)
    if not part.records:
        return None
    entries = [_link_only(entry) if row in damaged else entry for row, entry in rows if row not in left_out]
    batch: dict[str, JsonInput] = {key: value for key, value in head.items() if key != "count"}
    batch |= {"count": len(entries), "records": entries}
    shown = tuple(row for row, _ in rows if row not in damaged and row not in left_out)
    return FeedPart(account, write_json(batch, indent=1), "application/json", PartManifest(), shown)


def _link_only(entry: JsonValue) -> JsonInput:
    if not isinstance(entry, dict) or not isinstance(entry.get("chain"), dict):
        return entry
    chain = entry["chain"]
    assert isinstance(chain, dict)
    return {key: chain[key] for key in CHAIN_KEYS}


def withhold(content: bytes, record_ids: frozenset[str]) -> bytes:
    """Turn every entry about another achievement into its link.  Raises FormatError, RecordError."""
    value, records = entries_of(read_json(content))
    shown = [entry if _ach_id(entry) in record_ids else _link_only(entry) for entry in records]
    return write_json({**value, "records": shown}, indent=1)


def join(contents: Sequence[bytes]) -> bytes:
    """Several batches of one account as one, entries by height, what is shown before what is withheld; the head is the last one's.

    Nothing is checked here: the chain is, when it is read.  Raises FormatError, RecordError.
    """
    head: dict[str, JsonValue] = {}
    found: dict[str, tuple[int, bool, JsonValue]] = {}
    for content in contents:
        head, records = entries_of(read_json(content))
        for entry in records:
            link = read_link(1, entry)
            height, own = (link.height, link.hash) if link is not None else (-1, str(len(found)))
            shown = link is not None and link.payload is not None
            if shown or own not in found:
                found[own] = height, shown, entry
    entries = [entry for _, _, entry in sorted(found.values(), key=lambda each: each[0])]
    return write_json({**head, "count": len(entries), "records": entries}, indent=1)


def _ach_id(entry: JsonValue) -> str:
    """The achievement an entry is about; an empty text where it tells none."""
    payload = entry.get("payload") if isinstance(entry, dict) else None
    achievement = payload.get("achievement") if isinstance(payload, dict) else None
    ach_id = achievement.get("achId") if isinstance(achievement, dict) else None
    return ach_id if isinstance(ach_id, str) else ""
