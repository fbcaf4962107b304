"""The signed manifest of a report: what was asked, at which head of the log, and the digest of what came of it.

A detached JWS of the gateway's key over the manifest's canonical JSON; who holds the trust file can check it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.crypto.keys import SigningKey, VerifyKey
from gateway.errors import FormatError
from gateway.federation.envelope import sign_detached, verify_detached
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import Json, jcs
from gateway.transfers.reports import VERSION, Query, Report
from gateway.transfers.suppression import K_MIN

TYP_REPORT: Final = "ceg-report+jws"
LIMITS: Final = JsonLimits(bytes_max=16_384, depth_max=4, nodes_max=64)
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """`root` and `digest` are hex."""

    query: Query
    size: int
    root: str
    digest: str

    def json(self) -> dict[str, Json]:
        return {"v": VERSION, "query": self.query.json(), "size": self.size, "root": self.root, "rows_sha256": self.digest}

    def data(self) -> bytes:
        """The bytes that are signed."""
        return jcs(self.json())

    def fits(self, report: Report) -> bool:
        """Whether the report is what the manifest tells of."""
        return manifest_of(report) == self


def manifest_of(report: Report) -> Manifest:
    """What a report says of itself."""
    return Manifest(report.query, report.size, report.root.hex(), report.digest)


def sign_manifest(manifest: Manifest, key: SigningKey) -> str:
    """The detached JWS."""
    return sign_detached(key, manifest.data(), TYP_REPORT)


def check_manifest(manifest: Manifest, signature: str, keys: Callable[[str], VerifyKey | None]) -> str:
    """The `kid` that signed it.  Raises TrustError."""
    return verify_detached(signature, manifest.data(), TYP_REPORT, keys)


def write_manifest(manifest: Manifest, signature: str) -> bytes:
    """The file that goes with a report: the manifest and the signature over it."""
    return jcs({"manifest": manifest.json(), "signature": signature})


def read_manifest(raw: bytes) -> tuple[Manifest, str]:
    """The exact inverse of `write_manifest`; the signature is not checked.  Raises FormatError `format.report_manifest`."""
    told: Any = read_json(raw, LIMITS)
    try:
        found, signature = told["manifest"], told["signature"]
        query = Query(found["query"]["period"], tuple(found["query"]["by"]), found["query"]["k"])
        manifest = Manifest(query, found["size"], found["root"], found["rows_sha256"])
        sound = type(manifest.size) is int and type(query.k) is int and query.k >= K_MIN and isinstance(signature, str)
        if not (sound and _HEX.fullmatch(manifest.root) and _HEX.fullmatch(manifest.digest) and raw == write_manifest(manifest, signature)):
            raise ValueError("not in its form")
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError("format.report_manifest", "不是报表清单", "not the manifest of a report") from error
    return manifest, signature
