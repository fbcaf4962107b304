"""A part → one Zhejiang batch.

What the gateway writes cannot continue the bank's own chain, so it carries a fresh one from the
configured start, marked `chainOrigin: gateway`.  Such a chain shows that nothing was lost on the
way and nothing more (`chain_only`); it is no statement of a bank.  A changed record is written as the
amendment that states it anew, a cancelled one as its deposit and, after all deposits, its revocation.
"""

from dataclasses import dataclass

from gateway.adapters.fields import OTHER_ID, WRONG_FORM, WRONG_TYPE, extra_fault
from gateway.adapters.zhejiang.achievement import AMEND, DEPOSIT, REVOKE, Reader, nest, plain
from gateway.adapters.zhejiang.batch import CHAIN_KEYS, DUPLICATE, HEAD_KEYS, ORIGIN_KEY, REVOKED_FORM, Settings, refuse
from gateway.adapters.zhejiang.chain import extend
from gateway.adapters.zhejiang.learner import account_of, digest_of, display, mask
from gateway.errors import Problem, RecordError
from gateway.formats.json_safe import JsonInput, write_json
from gateway.model.canonical import Json
from gateway.model.identifiers import IdentifierError
from gateway.model.local import LocalPart, LocalRecord, LocalValue, Operation

ORIGIN = "gateway"
_LEARNER = "learner."


@dataclass(frozen=True, slots=True)
class _Entry:
    """A payload to be hashed, and what stands beside payload and chain or inside the chain block."""

    payload: dict[str, Json]
    beside: dict[str, JsonInput]
    in_chain: dict[str, JsonInput]


def write_batch(part: LocalPart, settings: Settings, reader: Reader) -> bytes:
    """Raises RecordError with every problem."""
    problems: list[Problem] = []
    learner = _learner(part, settings, problems)
    deposits: list[_Entry] = []
    revokes: list[_Entry] = []
    seen: set[str] = set()
    for record in part.records:
        if record.record_id in seen:
            problems.append(DUPLICATE.at(f"row {record.row}"))
        seen.add(record.record_id)
        cancelled = record.operation is Operation.CANCEL
        if record.form != REVOKED_FORM:
            deposits.append(_deposit(record, learner, cancelled, reader, problems))
        if cancelled:
            revokes.append(_revoke(record, learner, problems))
        elif record.form == REVOKED_FORM:
            problems.append(WRONG_FORM.at(f"row {record.row}/achType"))
    entries = deposits + revokes
    head = _head(part, len(entries), settings, problems)
    if problems:
        raise refuse(problems)
    return write_json({**head, "records": _chained(entries, settings)}, indent=1)


def _chained(entries: list[_Entry], settings: Settings) -> list[JsonInput]:
    start = settings.render_start
    try:
        triples = extend(start.height, start.prev_hash, [entry.payload for entry in entries])
    except ValueError:
        raise RecordError(
            "record.not_canonical", "内容没有规范形式,不能写入哈希链", "a payload has no canonical form and cannot be chained"
        ) from None
    written: list[JsonInput] = []
    for entry, triple in zip(entries, triples, strict=True):
        chain: dict[str, JsonInput] = dict(zip(CHAIN_KEYS, triple, strict=True))
        written.append({"payload": entry.payload, "chain": chain | entry.in_chain, **entry.beside})
    return written


def _learner(part: LocalPart, settings: Settings, problems: list[Problem]) -> dict[str, Json]:
    """The learner block.  Account "" is the declared empty slot; a name is masked, a citizen number digested."""
    try:
        account = account_of(part.learner.account)
    except IdentifierError as error:
        problems.append(Problem("learner.zheXueMa", error.code, error.zh, error.en))
        account = ""
    block: dict[str, Json] = {}
    for key, value in _under(_LEARNER, dict(part.values), "learner", problems).items():
        block[key] = plain(key, value)
    block["zheXueMa"] = display(account)
    name = part.values.get("learner.nameMasked") or part.learner.name
    if isinstance(name, str):
        block["nameMasked"] = mask(name)
    digest = part.values.get("learner.idDigest") or part.learner.id_digest
    if digest is None and part.learner.citizen_id is not None:
        digest = digest_of(part.learner.citizen_id, settings.id_salt)
    if isinstance(digest, str):
        block["idDigest"] = digest
    return dict(sorted(block.items()))


def _deposit(record: LocalRecord, learner: dict[str, Json], cancelled: bool, reader: Reader, problems: list[Problem]) -> _Entry:
    place = f"row {record.row}"
    given: dict[str, LocalValue] = {"achId": record.record_id, "achType": record.form, **record.values}
    values: dict[str, LocalValue] = {}
    for path, value in given.items():
        flat = plain(path, value)
        assert flat is None or isinstance(flat, (str, int))
        values[path] = flat
    problems += reader.faults(values, DEPOSIT, place)
    if (values["achId"], values["achType"]) != (record.record_id, record.form):
        problems.append(OTHER_ID.at(f"{place}/achId"))
    op = AMEND if record.operation is Operation.CHANGE else DEPOSIT
    payload: dict[str, Json] = {"achievement": nest(values, place, problems), "learner": learner, "op": op}
    if not cancelled and "reason" in values:
        payload["reason"] = plain("reason", values["reason"])
    payload |= {path: plain(path, value) for path, value in _under("payload.", values, place, problems).items()}
    beside: dict[str, JsonInput] = dict(_under("entry.", values, place, problems))
    in_chain: dict[str, JsonInput] = {
        key: value for key, value in _under("chain.", values, place, problems).items() if key not in CHAIN_KEYS
    }
    return _Entry(payload, beside, in_chain)


def _revoke(record: LocalRecord, learner: dict[str, Json], problems: list[Problem]) -> _Entry:
    payload: dict[str, Json] = {"achievement": {"achId": record.record_id}, "learner": {"zheXueMa": learner["zheXueMa"]}, "op": REVOKE}
    reason = record.values.get("reason")
    if reason is not None and not isinstance(reason, str):
        problems.append(WRONG_TYPE.at(f"row {record.row}/reason"))
    elif reason is not None:
        payload["reason"] = reason
    if record.form == REVOKED_FORM:
        inner = {path: value for path, value in record.values.items() if path != "achId"}
        payload["achievement"] = {"achId": record.record_id, **nest(inner, f"row {record.row}", problems)}
    return _Entry(payload, {}, {})


def _under(prefix: str, values: dict[str, LocalValue], place: str, problems: list[Problem]) -> dict[str, LocalValue]:
    """What stands under `prefix`, by the rest of its path."""
    found: dict[str, LocalValue] = {}
    for path, value in values.items():
        if not path.startswith(prefix):
            continue
        key = path.removeprefix(prefix)
        found[key] = value
        fault = extra_fault(key, value)
        if fault is not None:
            problems.append(fault.at(place))
    return found


def _head(part: LocalPart, count: int, settings: Settings, problems: list[Problem]) -> dict[str, JsonInput]:
    head: dict[str, JsonInput] = {"version": settings.versions[0]}
    if "batchId" in part.values:
        head["batchId"] = part.values["batchId"]
    head |= {"count": count, ORIGIN_KEY: ORIGIN}
    for path, value in part.values.items():
        if path in HEAD_KEYS or path == "records" or path.startswith(_LEARNER):
            continue
        fault = extra_fault(path, value)
        if fault is not None:
            problems.append(fault.at("/"))
        head[path] = value
    return head
