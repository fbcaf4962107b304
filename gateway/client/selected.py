"""A bulk selection carried out where the key is: collected from the gateway, checked, its orders signed one by one at its rate.

The gateway names what a person chose and confirmed; it cannot sign.  Here count and digest are computed anew from the ids, so that what
is signed is what the page showed.  What has moved meanwhile is passed over, so a run that was cut off is simply started again.
Between orders the selection is asked for again, and a pause or a stop on the page is obeyed.
"""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from gateway.client.orders import Operator
from gateway.client.reading import ReadingApi
from gateway.errors import GatewayError, PeerError, TransferError
from gateway.model.canonical import jcs
from gateway.model.documents import Order
from gateway.model.transfer import Act

ACTS: Final = {"retry": Act.RETRY, "cancel": Act.CANCEL}
ENTRIES_MAX: Final = 1_000
REASON_MAX: Final = 500
LOOK_S: Final = 2.0
"""A pause is noticed after so long; paused, it is looked at as often."""
WAITS_MAX: Final = 14_400
"""Looks at a paused selection before giving up: the time it is valid for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item.  `message` is "" where the order is about the case itself; `done` where it has moved already."""

    id: str
    transfer: str
    done: bool

    @property
    def message(self) -> str:
        return "" if self.id == self.transfer else self.id


@dataclass(frozen=True, slots=True)
class Selected:
    """A selection as it was confirmed.  `state`: `released`, `paused`, `stopped`."""

    token: str
    act: Act
    state: str
    digest: str
    reason: str
    rate: int
    entries: tuple[Entry, ...]
    until: str = ""
    """After this moment it is stale."""

    @property
    def count(self) -> int:
        return len(self.entries)


async def collect(api: ReadingApi, token: str) -> Selected:
    """Raises TransferError (`transfer.selection_…`), PeerError(`peer.off_protocol`) where count or digest is not that of the ids."""
    found = await api.selection(token)
    try:
        entries = tuple(Entry(str(each["id"]), str(each["transfer"]), bool(each["done"])) for each in found["items"])
        digest = sha256(jcs([found["act"], *(entry.id for entry in entries)])).hexdigest()
        whole = found["count"] == len(entries) and hmac.compare_digest(digest, str(found["digest"])) and found["selection"] == token
        until = str(found.get("until", ""))
        datetime.fromisoformat(until or "1970-01-01")
        made = Selected(token, ACTS[found["act"]], str(found["state"]), digest, str(found["reason"]), int(found["rate"]), entries, until)
    except (KeyError, TypeError, ValueError):
        raise _off_protocol() from None
    if not whole or made.rate < 1 or made.count > ENTRIES_MAX or len(made.reason) > REASON_MAX:
        raise _off_protocol()
    return made


async def carry_out(selected: Selected, api: ReadingApi, operator: Operator, told: Callable[[int, int, str], None]) -> list[dict[str, Any]]:
    """Sign and send what is left.  `told(done, all, state)` hears of each step.

    A refusal ends that one only; a gateway that does not answer ends all: the rest is not sent.  Raises nothing that a next run would not.
    """
    left = [entry for entry in selected.entries if not entry.done]
    done: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    looked, state = loop.time(), selected.state
    for entry in left:
        if state != "released" or loop.time() - looked >= LOOK_S:
            state, looked = await _go_ahead(selected, api, told, (len(done), len(left))), loop.time()
            if state != "released":
                break
        begun = loop.time()
        try:
            answer = (await operator.give(selected.act, entry.transfer, Order("other", selected.reason, entry.message))).answer
        except GatewayError as fault:
            done.append(line_of(entry, selected.act, code=fault.code))
            break
        done.append(line_of(entry, selected.act, sent=True, code=answer.code) | {"status": answer.status, "leaf": answer.index,
                                                                                "state": answer.body.get("state")})  # fmt: skip
        told(len(done), len(left), state)
        await asyncio.sleep(max(0.0, 1 / selected.rate - (loop.time() - begun)))
    return done + [line_of(entry, selected.act) for entry in left[len(done) :]]


async def _go_ahead(selected: Selected, api: ReadingApi, told: Callable[[int, int, str], None], at: tuple[int, int]) -> str:
    """The state once it is not paused any more.  Raises TransferError(`transfer.selection_stale`) where it became another one."""
    for _ in range(WAITS_MAX):
        now = await collect(api, selected.token)
        if now.digest != selected.digest:
            raise TransferError("transfer.selection_stale", "所选的内容已不同", "what was selected is something else now")
        if now.state != "paused":
            return now.state
        told(*at, now.state)
        await asyncio.sleep(LOOK_S)
    return "stopped"


def line_of(entry: Entry, act: Act, *, sent: bool = False, code: str = "") -> dict[str, Any]:
    """One entry as reports show it, in the shape of `ceg dlq retry --json`."""
    kind = "message" if entry.message else "transfer"
    return {"id": entry.id, "kind": kind, "act": act.value, "transfer": entry.transfer, "message": entry.message or None,
            "sent": sent, "status": None, "code": code, "state": None, "leaf": None}  # fmt: skip


def _off_protocol() -> PeerError:
    return PeerError("peer.off_protocol", "对方的答复不合协议", "the other side's answer is not as the protocol has it")
