"""What a bundle carries beside leaves and proofs: bytes as signed, answers, what a decision rests on, records by their fields.

Taken only as far as something in the log binds it: contents to the envelopes in the leaves, answers to the leaves' digests, what the
gateway made to a digest in a leaf or in a bank's decision, records to their commitments.  Notices and the like are left out.
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.crypto.digests import salted_digest
from gateway.errors import TransferError
from gateway.federation.claims import read_object
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.xml_safe import children, first_child, parse_own_xml, text_of
from gateway.mapping.regional_xml import part_of
from gateway.model.canonical import b64url, unb64url
from gateway.model.regional import RECORD_FIELDS
from gateway.storage.database import Database
from gateway.storage.rows import MessageRow
from gateway.transferlog.leaf import Disclosure, Leaf, commit_record, disclose
from gateway.transfers.intake import committed_fields

Stored = Mapping[tuple[str, str, str], Content]
RECORD: Final = "source.record"
SHOWN: Final = (
    "source.bank", RECORD, "kind", "title", "issuer.name", "size.credits", "size.policy", "result.passed", "date.awarded",
    "date.valid_until", "certificate.number", "certificate.scheme",
)  # fmt: skip
"""What a learner's proof shows of a record unless told otherwise; a grade is not among it."""
DECIDED: Final = "transfer.decided"


@dataclass(frozen=True, slots=True)
class Contents:
    """Three members of a bundle, as JSON."""

    messages: list[dict[str, Any]]
    made: list[dict[str, Any]]
    records: list[dict[str, Any]]


def nothing_told() -> Contents:
    """Leaves and proofs alone: no personal value."""
    return Contents([], [], [])


def whole(transfer: str, stored: Stored, leaves: Sequence[Leaf], answers: Mapping[tuple[str, str], tuple[bytes, bytes]]) -> Contents:
    """Everything that was signed in the case and kept."""
    messages = []
    for leaf in leaves:
        if leaf.envelope:
            pieces = [stored[leaf.iss, leaf.jti, name] for name, _, _ in leaf.content if (leaf.iss, leaf.jti, name) in stored]
            messages.append(_message(leaf, pieces, answers.get((leaf.iss, leaf.jti))))
    records = [_record(cm, secret, fields, fields) for cm, secret, fields in _records(transfer, stored, leaves)]
    return Contents(messages, [_piece(each) for each in _made(stored, leaves)], records)


def told_to_learner(
    transfer: str, stored: Stored, leaves: Sequence[Leaf], items: Collection[int], fields: Collection[str], *, identity: bool
) -> Contents:
    """The chosen items' chosen fields, and each decision that is about nothing else.  Raises TransferError(`transfer.no_such_item`)."""
    opening = leaves[0]
    requested = _listed(stored[opening.iss, opening.jti, "request"].data)
    if not set(items) <= set(range(1, len(requested) + 1)) or not set(fields) <= {field.path for field in RECORD_FIELDS}:
        raise TransferError("transfer.no_such_item", "本案没有此项,或记录没有此字段", "the case has no such item, or records no such field")
    chosen = {record for place, record in enumerate(requested) if not items or place + 1 in items}
    shown = {RECORD, *(fields or SHOWN)}
    records = [
        _record(cm, secret, held, [name for name in held if name in shown])
        for cm, secret, held in _records(transfer, stored, leaves)
        if held[RECORD] in chosen
    ]
    messages = [_message(opening, [stored[opening.iss, opening.jti, "identity"]], None)] if identity else []
    for leaf in leaves:
        decision = stored.get((leaf.iss, leaf.jti, "decision")) if leaf.type == DECIDED else None
        if decision is not None and set(_judged(decision.data)) <= chosen:
            messages.append(_message(leaf, [decision], None))
    return Contents(messages, [], records)


async def answers_of(database: Database, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[bytes, bytes]]:
    """`(iss, jti)` to the stored answer, its body without the receipt and the secret of its digest; none where it was erased."""
    rows = [MessageRow(*row) for row in await database.fetch("messages_by_key", keys=json.dumps(sorted(keys)))]
    return {(row.iss, row.jti): (row.answer, row.secret) for row in rows if row.answer and row.secret}


def _message(leaf: Leaf, pieces: Iterable[Content], answer: tuple[bytes, bytes] | None) -> dict[str, Any]:
    told = None if answer is None else {"body": answer[0].decode("utf-8"), "secret": b64url(answer[1])}
    return {"iss": leaf.iss, "jti": leaf.jti, "contents": [_piece(each) for each in pieces], "answer": told}


def _piece(content: Content) -> dict[str, str]:
    data = base64.b64encode(content.data).decode("ascii")
    return {"name": content.name, "type": content.media_type, "secret": b64url(content.secret), "data": data}


def _made(stored: Stored, leaves: Sequence[Leaf]) -> list[Content]:
    """The loss report, and what each decision rests on: what was delivered, and the estimate."""
    bound = {("loss", str(leaf.facts["loss"])) for leaf in leaves if "loss" in leaf.facts}
    for leaf in leaves:
        if leaf.type == DECIDED:
            claims = read_object(unb64url(leaf.envelope.split(".")[1]))
            bound |= {("local", str(claims.get("delivered", ""))), ("proposal", str(leaf.facts.get("estimate", "")))}
    found = {(name, salted_digest(each.secret, each.data)): each for (iss, _, name), each in stored.items() if iss == GATEWAY_ID}
    return [found[named] for named in sorted(bound & found.keys())]


def _records(transfer: str, stored: Stored, leaves: Sequence[Leaf]) -> list[tuple[str, bytes, Mapping[str, str]]]:
    """`(cm, secret, fields)` of each record whose commitment stands in a leaf of the case."""
    regional, openings = stored.get((GATEWAY_ID, transfer, "regional")), stored.get((GATEWAY_ID, transfer, "openings"))
    if regional is None or openings is None:
        return []
    known = {cm for leaf in leaves for cm, _, _ in leaf.items}
    secrets = {record: bytes.fromhex(text) for record, text in json.loads(openings.data).items()}
    found: list[tuple[str, bytes, Mapping[str, str]]] = []
    for record in part_of(parse_own_xml(regional.data)).records:
        secret, fields = secrets[record.record_id], committed_fields(record)
        cm = commit_record(secret, fields)
        if cm in known:
            found.append((cm, secret, fields))
    return found


def _record(cm: str, secret: bytes, fields: Mapping[str, str], shown: Collection[str]) -> dict[str, Any]:
    told: Disclosure = disclose(secret, fields, shown)
    return {
        "cm": cm,
        "fields": [[name, value, b64url(salt)] for name, value, salt in told.fields],
        "others": [other.hex() for other in told.others],
    }


def _listed(request: bytes) -> list[str]:
    """Record ids in the order of the request."""
    records = first_child(parse_own_xml(request), "records")
    return [text_of(each).strip() for each in children(records, "record")] if records is not None else []


def _judged(decision: bytes) -> list[str]:
    items = first_child(parse_own_xml(decision), "items")
    named = [first_child(each, "record") for each in children(items, "item")] if items is not None else []
    return [text_of(each).strip() for each in named if each is not None]
