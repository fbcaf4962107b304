"""A notice of what holds between members reaches a bank: the leaf is checked, the bank's people are told, and it is noted.

Nothing of the bank's books changes.  What it means for them its people see with `ceg rule list` and `ceg agreement list`.
"""

import base64
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.client.office import Office
from gateway.client.store import Store
from gateway.errors import PeerError
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.json_safe import read_json
from gateway.model.scopes import NEWS_EVENTS, RULE_EXPIRED
from gateway.storage.connector_schema import InboxRow
from gateway.storage.database import Write

FACTS: Final = ("id", "version", "accepting", "source", "review")
log = structlog.get_logger("gateway.connector")


async def work(office: Office, row: InboxRow, contents: Mapping[str, Content]) -> list[Write]:
    """Raises PeerError, FormatError, TransferLogError where the notice does not hold."""
    told = read_json(contents["notice"].data)
    if not isinstance(told, dict) or told.get("event") not in NEWS_EVENTS:
        raise _off("the notice does not have its form")
    try:
        data, proof = base64.b64decode(str(told["leaf"]), validate=True), str(told["proof"])
    except (KeyError, ValueError):
        raise _off("the notice has no leaf") from None
    leaf, _ = office.judge.logged_leaf(data, proof)
    event = str(told["event"])
    wanted = "rule.published" if event == RULE_EXPIRED else event.replace("_", ".", 1)
    if (leaf.type, leaf.scope) != (wanted, row.scope):
        raise _off("the leaf is about something else")
    log.info("news", member=office.setup.member, told=event, **{name: leaf.facts[name] for name in FACTS if name in leaf.facts})
    return [*Store.send(office.writer.noted(row), office.now_text()), Store.finish(row)]


def _off(reason: str) -> PeerError:
    return PeerError("peer.off_protocol", f"{GATEWAY_ID} 送来的通知不成立", "the gateway's notice does not hold", reason=reason)
