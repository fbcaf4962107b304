"""Statements at the bank's end: each is held against the bank's own cases, and countersigned or disputed item by item.

Nothing is believed that was not checked: the document is the one the leaf names, the leaf is in the log, its totals are those of the
document.  A case the bank knows at another version than the statement has is compared in nothing but its items' credits, which no
version changes; one it was never told of differs only where it should have been.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import structlog

from gateway.client.cases import Contents
from gateway.client.office import Office
from gateway.client.outgoing import sd_of
from gateway.client.store import Store
from gateway.errors import PeerError
from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.json_safe import read_json
from gateway.model.transfer import State
from gateway.recognition.statement import CONTENT, DIFFERENCES_MAX, Difference, StatedCase, Statement
from gateway.storage.connector_schema import CaseRow, InboxRow
from gateway.storage.database import Write

PAGE = 500
UNHEARD = frozenset({State.CONFIRMING, State.DELIVERING, State.HELD, State.REJECTED, State.WITHDRAWN, State.EXPIRED})
"""States of a case that its other bank need never have been told of."""
log = structlog.get_logger("gateway.connector")


async def work(office: Office, row: InboxRow, contents: Contents) -> list[Write]:
    """The bank's word on a statement.  Raises a GatewayError of whatever did not hold."""
    statement = read_statement(office, row.scope, contents)
    found = [each async for each in _differences(office, statement)][:DIFFERENCES_MAX]
    sd = sd_of(contents[CONTENT])
    if found:
        log.error("statement_disputed", member=office.setup.member, scope=row.scope, items=len(found))
        message = office.writer.statement_dispute(row, sd, statement.revision, found)
    else:
        message = office.writer.statement_sign(row, sd, statement.revision)
    return [*Store.send(message, office.now_text()), Store.finish(row)]


def read_statement(office: Office, scope: str, contents: Contents) -> Statement:
    """The document of a notice, as its leaf in the log names it.  Raises PeerError, FormatError, TransferLogError."""
    told, content = read_json(contents["notice"].data), contents.get(CONTENT)
    if not isinstance(told, dict) or content is None:
        raise _off("the notice does not have its form")
    try:
        data, proof = base64.b64decode(str(told["leaf"]), validate=True), str(told["proof"])
    except (KeyError, ValueError):
        raise _off("the notice has no leaf") from None
    leaf, _ = office.judge.logged_leaf(data, proof)
    if (leaf.type, leaf.scope, leaf.iss) != ("statement.issued", scope, GATEWAY_ID):
        raise _off("the leaf is about something else")
    if leaf.content != ((CONTENT, sd_of(content), len(content.data)),):
        raise _off("the document is not the one the leaf names")
    statement = Statement.read(content.data)
    facts = (statement.source, statement.accepting, statement.period, statement.revision, statement.size)
    if facts != tuple(leaf.facts.get(name) for name in ("source", "accepting", "period", "revision", "size")):
        raise _off("document and leaf say different things")
    if statement.scope != scope or statement.figures.totals() != leaf.totals:
        raise _off("document and leaf have different totals")
    if office.setup.member not in {statement.source, statement.accepting}:
        raise _off("the statement is about other banks")
    return statement


async def _differences(office: Office, statement: Statement) -> AsyncIterator[Difference]:
    cases = statement.cases or ()
    for first in range(0, len(cases), PAGE):
        page = cases[first : first + PAGE]
        known = await office.store.cases_of([each.transfer for each in page])
        for stated in page:
            for each in differing(stated, known.get(stated.transfer)):
                yield each


def differing(stated: StatedCase, own: CaseRow | None) -> Iterator[Difference]:
    """The items of one case that the bank has otherwise."""
    if own is None:
        if State(stated.state) not in UNHEARD:
            yield Difference(stated.transfer, "", "", None)
        return
    told: Mapping[str, Any] = json.loads(own.body)
    mine = {str(item["record"]): item for item in told.get("items", ())}
    if not mine:  # only asked for so far: it has no items yet
        return
    for item in stated.items:
        have = mine.get(item.record)
        if have is None:
            yield Difference(stated.transfer, item.record, "", None)
        elif have.get("credits") not in {item.credits, None} or (own.ver == stated.ver and have.get("state") != item.state):
            yield Difference(stated.transfer, item.record, str(have.get("state", "")), have.get("credits"))


def _off(reason: str) -> PeerError:
    return PeerError("peer.off_protocol", f"{GATEWAY_ID} 送来的对账单不成立", "the gateway's statement does not hold", reason=reason)
