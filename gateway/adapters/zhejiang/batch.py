"""A Zhejiang batch, as plain values, read into one learner's part.

Two steps.  First the chain: every entry of the learner's account is checked, and one break refuses
the whole part, because what was cut out could be a revocation.  Then the entries are read in order of
height and folded into records, so that rows add up:

    DEPOSIT                      → one record (deposit)
    DEPOSIT, later an AMEND      → one record (change) on the last amendment's row, which states the whole achievement
                                   anew; the rows before it ignored, `overwritten`
    an AMEND of something not shown → the same record, alone
    DEPOSIT, later its REVOKE    → one record (cancel) on the deposit's (or amendment's) row; the other row ignored, `revoke_applied`
    REVOKE of something not shown → one record (cancel) of form `REVOKE`, so that a recall is never lost
    a second REVOKE              → ignored, `repeated_revoke`
    (height, prevHash, hash)     → ignored, `chain_link`
    an entry repeated            → ignored, `repeated_row`
    the same DEPOSIT, higher up  → ignored, `repeated_deposit`
    two DEPOSITs of one achId that differ, or a DEPOSIT or AMEND after its REVOKE, or a DEPOSIT after an AMEND → quarantined
    a damaged entry              → quarantined, and the deposit it is about with it: it may have been the revocation;
                                   if nobody can tell what it is about, the whole part is refused
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.adapters.fields import MISSING, UNKNOWN_CODE, WRONG_TYPE, Fault, extra_fault, extra_value, record_id, text
from gateway.adapters.zhejiang.achievement import AMEND, DEPOSIT, REVOKE, STATED, Reader
from gateway.adapters.zhejiang.chain import Chain, Link, Start, check, is_hash, is_height
from gateway.adapters.zhejiang.learner import NO_LEARNER, Learner
from gateway.errors import Problem, RecordError
from gateway.formats.json_safe import JsonValue
from gateway.model.local import Ignored, LocalPart, LocalRecord, LocalValue, Operation, Quarantined

REGION = "zhejiang"
REVOKED_FORM = "REVOKE"
ORIGIN_KEY = "chainOrigin"
HEAD_KEYS = frozenset({"version", "batchId", "count", ORIGIN_KEY})
CHAIN_KEYS = ("height", "prevHash", "hash")
CHAIN_FORM = Fault("record.chain_form", "条目缺少可读的高度或哈希", "the entry has no readable height or hash")
VERSION = Fault("record.unknown_version", "格式版本不在接受范围内", "the format version is not accepted")
COUNTER = Fault("record.counter_mismatch", "count 与条目数不符", "count differs from the number of entries")
DUPLICATE = Fault("record.duplicate_id", "同一 achId 存入两次且内容不同", "one achId was deposited twice with different contents")
AFTER_REVOKE = Fault("record.deposit_after_revoke", "achId 已撤销后再次存入", "the achId was deposited again after its revocation")
AFTER_AMEND = Fault("record.deposit_after_amend", "achId 更正之后再次存入", "the achId was deposited again after its amendment")
HISTORY = Fault("record.history_damaged", "同一 achId 的另一条目已损坏", "another entry about this achId is damaged")
UNREADABLE = Fault(
    "record.revocation_unreadable", "条目可能是撤销,但看不出撤销哪一项", "the entry may be a revocation, of nobody knows what"
)
_CHAIN_PATHS = frozenset(f"chain.{key}" for key in CHAIN_KEYS)
_reason = text(200)


@dataclass(frozen=True, slots=True)
class Settings:
    """The `[adapter]` table, checked."""

    versions: tuple[str, ...]
    id_salt: str
    entries_max: int
    refuse_counters: bool
    feed_bytes_max: int
    trusted_starts: tuple[Start, ...]
    render_start: Start


@dataclass(frozen=True, slots=True)
class _Event:
    """A shown entry, read."""

    row: int
    op: str
    ach_id: str
    values: dict[str, LocalValue]
    problems: list[Problem]


@dataclass(slots=True)
class _Fold:
    """Rows as they find their place."""

    records: list[LocalRecord] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)


def refuse(problems: Sequence[Problem]) -> RecordError:
    """The whole part is refused: the first problem gives the code, all are listed."""
    first = problems[0]
    return RecordError(first.code, first.zh, first.en, problems=tuple(problems))


def entries_of(value: JsonValue) -> tuple[dict[str, JsonValue], list[JsonValue]]:
    """The batch object and its entries.  Raises RecordError for anything else."""
    records = value.get("records") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(records, list):
        raise RecordError(
            "record.not_one_batch", "应为一个含 records 列表的批次对象", "one batch object with a list of records is expected"
        )
    return value, records


def read_head(value: JsonValue, settings: Settings) -> tuple[dict[str, LocalValue], list[JsonValue], set[str]]:
    """Part values, entries and warnings of a batch.  Raises RecordError."""
    batch, records = entries_of(value)
    problems: list[Problem] = []
    if batch.get("version") not in settings.versions:
        problems.append((VERSION if "version" in batch else MISSING).at("version"))
    if len(records) > settings.entries_max:
        problems.append(Problem("records", "record.too_many_rows", "批次的条目数过多", "the batch has too many entries"))
    count = batch.get("count")
    differs = type(count) is int and count != len(records)
    if type(count) is not int:
        problems.append((WRONG_TYPE if "count" in batch else MISSING).at("count"))
    elif differs and settings.refuse_counters:
        problems.append(COUNTER.at("count"))
    values = {key: extra_value(item) for key, item in batch.items() if key != "records"}
    faults = [extra_fault(key, item) for key, item in values.items()]
    problems += [fault.at("/") for fault in faults if fault is not None]
    if problems:
        raise refuse(problems)
    warnings = {"counter_mismatch"} if differs else set()
    return values, records, warnings if values.keys() <= HEAD_KEYS else warnings | {"unknown_field_kept"}


def read_entries(rows: Sequence[tuple[int, JsonValue]], head: dict[str, LocalValue], settings: Settings, reader: Reader) -> LocalPart:
    """Read one account's entries (row number, entry).  Raises RecordError: chain, account or person at fault."""
    links, learner = _links_and_learner(rows)
    if learner.problems:
        raise refuse(learner.problems)
    if not learner.seen:
        raise refuse([NO_LEARNER.at("records")])
    identity = learner.identity()
    chain = check(links, settings.trusted_starts, identity.account)
    entries = dict(rows)
    fold = _fold([_read(link, entries[link.row], reader) for link in chain.links if link.payload is not None], reader)
    fold.ignored += [Ignored(link.row, "chain_link") for link in chain.links if link.payload is None]
    fold.ignored += [Ignored(row, "repeated_row") for row in chain.repeated]
    return LocalPart(
        region=REGION,
        version=str(head.get("version", settings.versions[0])),
        learner=identity,
        values=head | learner.values,
        records=tuple(sorted(fold.records, key=lambda record: record.row)),
        quarantined=tuple(sorted(fold.quarantined, key=lambda damaged: damaged.row)),
        ignored=tuple(sorted(fold.ignored, key=lambda left: left.row)),
        warnings=tuple(sorted(learner.warnings | _start_warnings(chain, settings))),
    )


def _start_warnings(chain: Chain, settings: Settings) -> set[str]:
    """A chain that starts in the middle, or anew, is trusted because somebody configured it."""
    return {"chain_start_configured"} if chain.starts != (settings.render_start.height,) else set()


def _links_and_learner(rows: Sequence[tuple[int, JsonValue]]) -> tuple[list[Link], Learner]:
    """Every entry must be readable as a link, or nothing can be said about the chain."""
    links, bad, learner = [], [], Learner()
    for row, entry in rows:
        link = read_link(row, entry)
        if link is None:
            bad.append(CHAIN_FORM.at(f"row {row}"))
            continue
        links.append(link)
        if link.payload is not None and isinstance(link.payload.get("learner"), dict):
            learner.read(link.payload["learner"], f"row {row}")  # type: ignore[arg-type]  # a dict, by the line above
    if bad:
        raise refuse(bad)
    return links, learner


def read_link(row: int, entry: JsonValue) -> Link | None:
    """An entry with a payload, or a bare (height, prevHash, hash); None where it is neither."""
    if not isinstance(entry, dict):
        return None
    bare = "payload" not in entry
    chain, payload = (entry, None) if bare else (entry.get("chain"), entry["payload"])
    if not isinstance(chain, dict) or not (bare or isinstance(payload, dict)) or (bare and entry.keys() != set(CHAIN_KEYS)):
        return None
    height, before, own = (chain.get(key) for key in CHAIN_KEYS)
    if not (is_height(height) and is_hash(before) and is_hash(own)):
        return None
    return Link(row, height, before, own, payload)  # type: ignore[arg-type]  # checked by the line above


def _read(link: Link, entry: JsonValue, reader: Reader) -> _Event:
    """The values of one shown entry; its faults quarantine the row."""
    assert isinstance(entry, dict)
    payload, place = entry["payload"], f"row {link.row}"
    assert isinstance(payload, dict)
    problems: list[Problem] = []
    achievement, op = payload.get("achievement"), payload.get("op")
    if op not in (DEPOSIT, AMEND, REVOKE):
        problems.append((WRONG_TYPE if not isinstance(op, str) else UNKNOWN_CODE).at(f"{place}/op"))
    if not isinstance(payload.get("learner"), dict):
        problems.append(NO_LEARNER.at(f"{place}/learner"))
    values: dict[str, LocalValue] = {}
    if isinstance(achievement, dict):
        values = reader.flatten(achievement, place, problems)
        problems += reader.faults(values, str(op), place)
    else:
        problems.append((MISSING if achievement is None else WRONG_TYPE).at(f"{place}/achievement"))
    given = values.get("achId")
    ach_id = given if isinstance(given, str) and record_id(given) is None else ""
    _add_beside(values, entry, payload, place, problems)
    return _Event(link.row, op if isinstance(op, str) else "", ach_id, values, problems)


def _add_beside(
    values: dict[str, LocalValue], entry: dict[str, JsonValue], payload: dict[str, JsonValue], place: str, problems: list[Problem]
) -> None:
    """`op`, `reason`, `chain.*`, and under `payload.` and `entry.` what the format does not know."""
    chain = entry["chain"]
    assert isinstance(chain, dict)
    own = ("op", "reason")
    beside: dict[str, JsonValue] = {key: payload[key] for key in own if key in payload}
    if beside.get("reason") is not None:
        fault = _reason(beside["reason"])
        if fault is not None:
            problems.append(fault.at(f"{place}/reason"))
    beside |= {f"chain.{key}": value for key, value in chain.items()}
    beside |= {f"payload.{key}": value for key, value in payload.items() if key not in ("op", "reason", "learner", "achievement")}
    beside |= {f"entry.{key}": value for key, value in entry.items() if key not in ("payload", "chain")}
    for path, value in beside.items():
        values[path] = extra_value(value)
        if path in _CHAIN_PATHS:  # read as a link before, so they are what they should be
            continue
        fault = extra_fault(path.partition(".")[2] or path, values[path])
        if fault is not None:
            problems.append(fault.at(place))


def _fold(events: list[_Event], reader: Reader) -> _Fold:
    fold = _Fold()
    by_id: dict[str, list[_Event]] = {}
    damaged = [event for event in events if event.problems]
    unreadable = [event for event in damaged if not event.ach_id and event.op != DEPOSIT]
    if unreadable:
        raise refuse(
            [UNREADABLE.at(f"row {event.row}") for event in unreadable] + [fault for event in unreadable for fault in event.problems]
        )
    fold.quarantined += [Quarantined(event.row, event.ach_id, tuple(event.problems)) for event in damaged]
    doubtful = {event.ach_id for event in damaged if event.ach_id}
    for event in events:
        if not event.problems:
            by_id.setdefault(event.ach_id, []).append(event)
    for ach_id, history in by_id.items():
        if ach_id in doubtful and all(event.op in STATED for event in history):
            fold.quarantined += [Quarantined(event.row, ach_id, (HISTORY.at(f"row {event.row}"),)) for event in history]
        else:
            _fold_one(ach_id, history, reader, fold)
    return fold


def _fold_one(ach_id: str, history: list[_Event], reader: Reader, fold: _Fold) -> None:
    """One achievement's events, in order of height."""
    revoked_at = next((place for place, event in enumerate(history) if event.op == REVOKE), len(history))
    after = [event for event in history[revoked_at + 1 :] if event.op in STATED]
    fold.quarantined += [Quarantined(event.row, ach_id, (AFTER_REVOKE.at(f"row {event.row}"),)) for event in after]
    fold.ignored += [Ignored(event.row, "repeated_revoke") for event in history[revoked_at + 1 :] if event.op == REVOKE]
    stands = _standing(ach_id, history[:revoked_at], fold)
    revoke = history[revoked_at] if revoked_at < len(history) else None
    if stands and revoke:
        fold.ignored.append(Ignored(revoke.row, "revoke_applied"))
        fold.records.append(_record(stands, stands.values | revoke.values, Operation.CANCEL, reader))
    elif stands:
        operation = Operation.CHANGE if stands.op == AMEND else Operation.DEPOSIT
        fold.records.append(_record(stands, stands.values, operation, reader))
    elif revoke:
        fold.records.append(_record(revoke, revoke.values, Operation.CANCEL, reader))


def _standing(ach_id: str, history: list[_Event], fold: _Fold) -> _Event | None:
    """What stands of an achievement before any revocation: its last amendment, else its deposit; None where nobody can say."""
    amended_at = next((place for place, event in enumerate(history) if event.op == AMEND), len(history))
    before, amends = history[:amended_at], history[amended_at:]
    late = [event for event in amends if event.op == DEPOSIT]
    if late or any(_content(event) != _content(before[0]) for event in before[1:]):
        fault = AFTER_AMEND if late else DUPLICATE
        fold.quarantined += [Quarantined(event.row, ach_id, (fault.at(f"row {event.row}"),)) for event in history]
        return None
    stated = [*before[:1], *amends]
    fold.ignored += [Ignored(event.row, "repeated_deposit") for event in before[1:]]
    fold.ignored += [Ignored(event.row, "overwritten") for event in stated[:-1]]
    return stated[-1] if stated else None


def _content(event: _Event) -> dict[str, LocalValue]:
    return {path: value for path, value in event.values.items() if not path.startswith("chain.")}


def _record(event: _Event, values: dict[str, LocalValue], operation: Operation, reader: Reader) -> LocalRecord:
    form = values.get("achType")
    return LocalRecord(
        record_id=event.ach_id,
        operation=operation,
        row=event.row,
        form=form if isinstance(form, str) else REVOKED_FORM,
        values=values,
        issues=reader.issues(values),
    )
