"""Receipt proofs as text: C2SP tlog-proof.  Index, hashes and checkpoint in one piece, checked offline.

The leaf comes apart from it: whoever verifies brings the leaf's bytes and the keys it trusts.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import TransferLogError
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import NOTE_BYTES_MAX, Checkpoint, Verifier, open_checkpoint, parse_decimal, unbase64

HEADER: Final = "c2sp.org/tlog-proof@v1"
HASHES_MAX: Final = 63
PROOF_CHARS_MAX: Final = NOTE_BYTES_MAX + 32 * 1024


@dataclass(frozen=True, slots=True)
class RawProof:
    """A proof as read; nothing in it is verified.  `extra` is never authenticated (tlog-proof)."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def write_proof(index: int, hashes: Sequence[bytes], checkpoint: str, extra: bytes = b"") -> str:
    """`checkpoint` is the whole signed note.  Below 2 KiB for a million leaves and four cosignatures."""
    lines = [HEADER]
    if extra:
        lines.append(f"extra {base64.b64encode(extra).decode('ascii')}")
    lines.append(f"index {index}")
    lines.extend(base64.b64encode(node).decode("ascii") for node in hashes)
    return "\n".join(lines) + "\n\n" + checkpoint


def parse_proof(text: str) -> RawProof:
    """Raises `transferlog.bad_proof` for any other form."""
    head, gap, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    if len(text) > PROOF_CHARS_MAX or not gap or lines.pop(0) != HEADER:
        raise _bad_form()
    extra: bytes | None = b""
    if lines and lines[0].startswith("extra "):
        extra = unbase64(lines.pop(0).removeprefix("extra ")) or None
    word, _, number = (lines.pop(0) if lines else "").partition(" ")
    index = parse_decimal(number)
    hashes = tuple(node for node in map(unbase64, lines) if node is not None and len(node) == merkle.HASH_BYTES)
    if extra is None or word != "index" or index is None or len(hashes) != len(lines) or len(hashes) > HASHES_MAX:
        raise _bad_form()
    return RawProof(index, hashes, checkpoint, extra)


def verify_receipt_proof(leaf: bytes, proof: str, verifiers: Sequence[Verifier], *, cosigners_min: int = 0) -> Checkpoint:
    """That these very bytes are in the log at the proof's index, under a checkpoint the log signed.

    With `cosigners_min` at the quorum the result is *final*; with 0 it is *logged*.  Raises TransferLogError:
    `transferlog.bad_proof`, or what `open_checkpoint` raises.
    """
    raw = parse_proof(proof)
    checkpoint = open_checkpoint(raw.checkpoint, verifiers, cosigners_min=cosigners_min)
    merkle.verify_inclusion(merkle.leaf_hash(leaf), raw.index, checkpoint.size, raw.hashes, checkpoint.root)
    return checkpoint


def _bad_form() -> TransferLogError:
    return TransferLogError("transferlog.bad_proof", "不是存证证明", "not a proof of the transfer log", reason="form")
