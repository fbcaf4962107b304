"""What an auditor is handed: the log as files, the trust file with the keys' places in it, one bundle a settled transfer.

A bundle holds what the banks signed, byte for byte, with the secrets that open the commitments in the
leaves.  It holds personal data of (made-up) learners, as a real one would.
"""

import json
from pathlib import Path

from gateway.simulator.live import Sandbox
from gateway.simulator.reckoning import Export
from gateway.transfers.evidence import Evidence, Selection


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
    gateway = sandbox.gateway
    maker = Evidence(
        gateway.database, gateway.parts.reading, gateway.ledger, gateway.finality, gateway.receiver.vault, lambda: export.trust
    )
    for transfer in settled:
        bundle = await maker.bundle(transfer, Selection())
        (bundles / f"{transfer}.json").write_text(json.dumps(bundle, ensure_ascii=False, indent=1), "utf-8")
    return written + 3 + len(settled)
