"""One transfer as one document that proves itself: every leaf with its proof under one signed checkpoint, and what the
banks signed, byte for byte, with the secrets that open the commitments in the leaves.

Whoever has the log's public key and the trust file checks it without asking the gateway.  With messages
it holds the learner's own data: keep it as one keeps the records themselves.
"""

import base64
from collections.abc import Mapping
from typing import Any, Protocol

from gateway.errors import TransferError
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.canonical import b64url
from gateway.transfers.log_reading import LogReading
from gateway.transfers.vault import Vault

FORM = 1
KIND = "ceg-evidence"


class Prover(Protocol):
    """What makes proofs: `gateway.transfers.unit_of_work.Ledger`."""

    async def proof(self, index: int, size: int) -> str: ...


async def evidence(transfer: str, head: tuple[int, str], reading: LogReading, prover: Prover, vault: Vault | None) -> dict[str, Any]:
    """`head` is the tree's size and signed checkpoint that every proof leads to.  `vault` None leaves messages out, and
    with them every personal value.

    Raises TransferError(`transfer.unknown`), StorageError(`storage.erased`) where the part was erased: ask without messages then.
    """
    size, checkpoint = head
    leaves = [(index, raw) for _, index, raw in await reading.scope(transfer) if index < size]
    if not leaves:
        raise TransferError("transfer.unknown", "没有这个转移", "there is no such transfer")
    return {
        "v": FORM,
        "kind": KIND,
        "transfer": transfer,
        "gateway": GATEWAY_ID,
        "checkpoint": checkpoint,
        "leaves": [{"index": index, "leaf": b64url(raw), "proof": await prover.proof(index, size)} for index, raw in leaves],
        "messages": [] if vault is None else _messages(await vault.all_of(transfer)),
    }


def _messages(stored: Mapping[tuple[str, str, str], Content]) -> list[dict[str, Any]]:
    """Contents by the message that brought them; a bank's message with its envelope."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (iss, jti, name), content in sorted(stored.items(), key=lambda each: each[0]):
        message = found.setdefault((iss, jti), {"iss": iss, "jti": jti, "contents": []})
        if name == "envelope" and iss != GATEWAY_ID:
            message["envelope"] = content.data.decode("ascii")
            continue
        message["contents"].append(
            {
                "name": name,
                "type": content.media_type,
                "secret": b64url(content.secret),
                "data": base64.b64encode(content.data).decode("ascii"),
            }
        )
    return list(found.values())
