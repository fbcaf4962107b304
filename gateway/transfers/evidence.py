"""One transfer as one JSON document that proves itself: every leaf with its proof under one signed checkpoint,
and, unless they are left out, every signed content and answer with the secret that opens its digest.

Whoever has the log's public key and the trust file checks it without asking the gateway.  With contents
it holds the learner's own data: keep it as one keeps the records themselves.
"""

import json
from typing import Any, Protocol

from gateway.federation.message import Content
from gateway.model.canonical import b64url
from gateway.storage.rows import MessageRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.log_reading import LogReading
from gateway.transfers.status import EVERYBODY, Status
from gateway.transfers.vault import Vault

FORM = "ceg-evidence-1"


class Prover(Protocol):
    """What signs heads and makes proofs; `gateway.transfers.unit_of_work.Ledger`."""

    async def head(self) -> tuple[int, str]: ...

    async def proof(self, index: int, size: int) -> str: ...


async def evidence(transfer: str, status: Status, reading: LogReading, prover: Prover, vault: Vault | None) -> dict[str, Any]:
    """`vault` None leaves contents and answers out, and with them every personal value.

    Raises TransferError(`transfer.unknown`), StorageError(`storage.erased`) where the part was erased: ask without contents then.
    """
    case = await status.show(transfer, EVERYBODY)
    size, checkpoint = await prover.head()
    leaves = [
        {"seq": seq, "index": index, "leaf": b64url(data), "proof": await prover.proof(index, size)}
        for seq, index, data in await reading.scope(transfer)
    ]
    case.pop("owed")
    document: dict[str, Any] = {"form": FORM, "transfer": transfer, "case": case, "checkpoint": checkpoint, "leaves": leaves}
    if vault is None:
        return document
    opened = await vault.all_of(transfer)
    return {
        **document,
        "contents": [_content(*key[:2], content) for key, content in sorted(opened.items())],
        "answers": await _answers(status, reading, transfer),
    }


def _content(iss: str, jti: str, content: Content) -> dict[str, str]:
    return {
        "iss": iss,
        "jti": jti,
        "name": content.name,
        "media_type": content.media_type,
        "secret": b64url(content.secret),
        "data": b64url(content.data),
    }


async def _answers(status: Status, reading: LogReading, transfer: str) -> list[dict[str, Any]]:
    leaves = [parse_leaf(data) for _, _, data in await reading.scope(transfer)]
    keys = sorted({(leaf.iss, leaf.jti) for leaf in leaves if leaf.answer})
    rows = [MessageRow(*row) for row in await status.database.fetch("messages_by_key", keys=json.dumps(keys))]
    return [
        {"iss": row.iss, "jti": row.jti, "status": row.status, "body": b64url(row.answer), "secret": b64url(row.secret)}
        for row in sorted(rows)
    ]
