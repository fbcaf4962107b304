"""A case as the bank's own people see it: its items in this bank's words beside the regional record, how they were mapped, and the signed
steps with their proofs.

Everything is read from what this bank keeps, and each step's leaf is proven anew against the log's key in the trust file.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from gateway.adapters.part_manifest import read_manifest
from gateway.client.bank import NO_MANIFEST
from gateway.client.casework import OpenCase
from gateway.client.desk import Desk
from gateway.client.office import Office
from gateway.client.todo import items_of
from gateway.errors import GatewayError
from gateway.mapping.declaration import FIELDS
from gateway.mapping.explain import explain, render_explanation
from gateway.model.canonical import unb64url
from gateway.model.codes import CodeTables
from gateway.recognition.proposal import Proposed
from gateway.storage.connector_schema import CaseRow
from gateway.transferlog.proof import parse_proof

PROVEN: Final = "proven"
WAITING: Final = "waiting"
SIGNED: Final = "signed"
"""Answered by a signed refusal without a leaf."""
FAILED: Final = "failed"
UNLOGGED: Final[Mapping[str, str]] = {"waiting": WAITING, "done": SIGNED, "refused": SIGNED}


@dataclass(frozen=True, slots=True)
class Named:
    """A value under its path, with the field's names."""

    path: str
    zh: str
    en: str
    value: str


@dataclass(frozen=True, slots=True)
class Item:
    """`local` is this bank's own format, `regional` the standard's; `proposed` None where nothing was proposed."""

    record: str
    kind: str
    state: str
    reason: str
    contested: bool
    credits: Decimal | None
    open: bool
    local: tuple[tuple[str, str], ...]
    regional: tuple[Named, ...]
    proposed: Proposed | None


@dataclass(frozen=True, slots=True)
class Step:
    """A signed step.  `index` is its leaf, None while there is none; `size` the checkpoint it was proven under."""

    at: str
    type: str
    actor: str
    kid: str
    index: int | None
    state: str
    proof: str
    size: int | None = None
    code: str = ""


def items(case: CaseRow, opened: OpenCase | None) -> list[Item]:
    """Every item as it was told last, with what was delivered of it."""
    local: Mapping[str, Any] = {}
    regional: Mapping[str, Any] = {}
    proposal, sizes = None, dict[str, Decimal | None]()
    if opened is not None:
        found = opened.found.case
        local = {record.record_id: record for record in found.local.records}
        regional = {record.record_id: record for record in found.regional.records}
        proposal, sizes = found.proposal, {item.record: item.credits for item in found.items}
    made = []
    for told in items_of(case):
        record = str(told["record"])
        here, there = local.get(record), regional.get(record)
        made.append(
            Item(
                record, str(told.get("kind") or ""), str(told["state"]), str(told.get("reason") or ""), bool(told.get("contested")),
                _size(told), record in sizes and opened is not None and opened.open,
                tuple((path, shown(value)) for path, value in here.values.items()) if here is not None else (),
                tuple(_named(path, value) for path, value in there.values.items()) if there is not None else (),
                proposal.items.get(record) if proposal is not None else None,
            )
        )  # fmt: skip
    return made


async def explanation(office: Office, desk: Desk, case: CaseRow, lang: str) -> str:
    """How the source's part became the regional record, in the words of `ceg map explain`.  Raises a GatewayError of what does not hold."""
    tools, contents = office.setup.tools, await desk.papers(case)
    manifest = read_manifest(contents["manifest"].data) if "manifest" in contents else NO_MANIFEST
    part = tools.adapters[case.source].parse(contents["part"].data, manifest)
    mapped = tools.mapper.to_regional(part, case.source)
    return render_explanation(explain(tools.mapper, part, case.source), mapped.loss, lang, tools.mapper.codes)


async def timeline(office: Office, transfer: str) -> list[Step]:
    """Signed steps in the log's order, then what this bank has sent that is not answered yet."""
    store, steps, pending = office.store, dict[int, Step](), list[Step]()
    for message in await store.inbox_of(transfer):
        contents = await store.contents("in", message.jti)
        content = contents.get("case") or contents.get("notice")
        told = json.loads(content.data) if content is not None else {}
        for each in (*(told.get("leaves") or ()), told):
            if isinstance(each, dict) and isinstance(each.get("leaf"), str) and isinstance(each.get("proof"), str):
                _add(office, transfer, steps, base64.b64decode(each["leaf"]), each["proof"])
    for row in await store.of_transfer(transfer):
        receipt = json.loads(row.receipt) if row.receipt else {}
        if isinstance(receipt.get("leaf"), str) and isinstance(receipt.get("proof"), str):
            _add(office, transfer, steps, unb64url(receipt["leaf"]), receipt["proof"])
        else:
            proof = UNLOGGED.get(row.state, FAILED)
            own = office.setup.key.kid
            pending.append(Step(row.created_at, row.act, office.setup.member, own, None, row.state, proof, None, row.last_error))
    return [steps[index] for index in sorted(steps)] + pending


def _add(office: Office, transfer: str, steps: dict[int, Step], raw: bytes, proof: str) -> None:
    """A leaf that cannot be proven is shown as such, never left out."""
    try:
        index = parse_proof(proof).index
        leaf, checkpoint = office.judge.logged_leaf(raw, proof)
    except GatewayError as fault:
        steps.setdefault(-1 - len(steps), Step("", "", "", "", None, "", FAILED, None, fault.code))
        return
    if leaf.scope == transfer:
        steps[index] = Step(leaf.at, leaf.type, leaf.actor, leaf.kid, index, leaf.state_after or "", PROVEN, checkpoint.size)


def code_words(codes: CodeTables, table: str) -> dict[str, tuple[str, str]]:
    """A code table's words, `(zh, en)` by code."""
    return {entry.code: (entry.zh, entry.en or entry.zh) for entry in codes[table]}


def _named(path: str, value: object) -> Named:
    field = FIELDS.get(path)
    return Named(path, field.zh if field else path, field.en if field else path, shown(value))


def _size(told: Mapping[str, Any]) -> Decimal | None:
    return Decimal(str(told["credits"])) if told.get("credits") is not None else None


def shown(value: object) -> str:
    """A value as both formats spell it; a dash for none."""
    match value:
        case None | "":
            return "–"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
