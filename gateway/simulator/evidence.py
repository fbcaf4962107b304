"""What an auditor is handed: the log as files, the trust file with the keys' places in it, one bundle a settled transfer.

A bundle holds what the banks signed, byte for byte, with the secrets that open the commitments in the
leaves.  It holds personal data of (made-up) learners, as a real one would.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.canonical import b64url
from gateway.simulator.live import Sandbox
from gateway.simulator.reckoning import Export
from gateway.transferlog.leaf import parse_leaf


async def save(sandbox: Sandbox, export: Export, settled: list[str], target: Path) -> int:
    """Write `log/`, `trust.json`, `trust.json.sig` and `bundles/<transfer>.json` under `target`.  Gives the number of files."""
    written = 0
    for path, data in export.files.items():
        file = target / "log" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        written += 1
    raw, signature = export.trust.sign(sandbox.files.registry_key)
    (target / "trust.json").write_bytes(raw)
    (target / "trust.json.sig").write_text(signature, "ascii")
    (target / "registry.jwk.json").write_text(json.dumps(sandbox.files.registry_key.verify_key.jwk), "ascii")
    bundles = target / "bundles"
    bundles.mkdir(exist_ok=True)
    for transfer in settled:
        bundle = await _bundle(sandbox, export, transfer)
        (bundles / f"{transfer}.json").write_text(json.dumps(bundle, ensure_ascii=False, indent=1), "utf-8")
    return written + 3 + len(settled)


async def _bundle(sandbox: Sandbox, export: Export, transfer: str) -> dict[str, Any]:
    gateway = sandbox.gateway
    size, note = export.report.size, export.files["checkpoint"].decode("utf-8")
    leaves = [(index, raw) for index, raw in enumerate(export.leaves) if parse_leaf(raw).scope == transfer]
    return {
        "v": 1,
        "kind": "ceg-evidence",
        "transfer": transfer,
        "gateway": GATEWAY_ID,
        "checkpoint": note,
        "leaves": [{"index": index, "leaf": b64url(raw), "proof": await gateway.ledger.proof(index, size)} for index, raw in leaves],
        "messages": _messages(await gateway.receiver.vault.all_of(transfer)),
    }


def _messages(stored: Mapping[tuple[str, str, str], Content]) -> list[dict[str, Any]]:
    """Contents by the message that brought them; a bank's message with its envelope."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for (iss, jti, name), content in sorted(stored.items()):
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
