"""Audit an exported transfer log alone: hashlib and cryptography, nothing of the gateway's own code.

    python audit_log.py FOLDER VKEY [WITNESS_VKEY …] [--quorum N] [--since KEPT_CHECKPOINT]

FOLDER is an export (`checkpoint`, `tile/…`); VKEY the log's verifier key, from the trust file.  Exit 0: the log holds; 1: it does not.
Checks: the checkpoint's signature and cosignatures; every leaf hashed, every tile compared, the root computed anew; a checkpoint kept from
before lies on this history; each leaf is one JSON object in its one spelling, times do not go back, numbers in a scope have no gap.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256


class WrongError(Exception):
    """What is wrong, and at which leaf where that is known."""


def tile_path(level: int | str, index: int, width: int) -> str:
    """C2SP tlog-tiles: groups of three digits, all but the last with an x; an unfinished tile with its width."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[n : n + 3] for n in range(0, len(digits), 3)]
    name = "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < WIDTH else "")


def signatures(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The signed text, and (name, bytes after the key's id) by line."""
    text, _, lines = note.rpartition("\n\n")
    found = []
    for line in lines.splitlines():
        dash, name, encoded = line.split(" ")
        if dash != "\N{EM DASH}":
            raise WrongError("the checkpoint has a line that is no signature")
        found.append((name, base64.b64decode(encoded, validate=True)))
    return text + "\n", found


def signed_by(note: str, vkey: str) -> bool:
    """Whether this key's line is there and holds.  Kind 1 is the log's own signature, kind 4 a dated cosignature."""
    name, shown_id, material = vkey.split("+", 2)
    raw = base64.b64decode(material)
    kind, public = raw[0], raw[1:]
    if hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() != shown_id:
        raise WrongError(f"{name}: the verifier key is not its own")
    text, lines = signatures(note)
    for signer, blob in lines:
        if signer != name or blob[:4].hex() != shown_id:
            continue
        message, signature = text.encode(), blob[4:]
        if kind == 4:
            message, signature = b"cosignature/v1\ntime %d\n" % int.from_bytes(signature[:8], "big") + message, signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except InvalidSignature:
            raise WrongError(f"{name}: the signature on the checkpoint does not hold") from None
        return True
    return False


def head(note: str) -> tuple[str, int, bytes]:
    """Origin, size, root."""
    origin, size, root, *_ = note.split("\n")
    return origin, int(size), base64.b64decode(root)


def leaves(folder: Path, size: int) -> Iterator[bytes]:
    """Each leaf out of its bundle: two bytes of length, big-endian, then the bytes."""
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        data = (folder / tile_path("entries", index, width)).read_bytes()
        for _ in range(width):
            end = 2 + int.from_bytes(data[:2], "big")
            if len(data) < end:
                raise WrongError(f"bundle {index} is cut off")
            yield data[2:end]
            data = data[end:]
        if data:
            raise WrongError(f"bundle {index} holds more than it should")


class Tree:
    """RFC 6962: complete subtrees by height, and the hashes of each tile level as they come to be."""

    def __init__(self) -> None:
        self.size = 0
        self.peaks: list[bytes] = []
        self.levels: dict[int, list[bytes]] = {}

    def add(self, leaf: bytes) -> None:
        node, height = hashlib.sha256(b"\0" + leaf).digest(), 0
        self.size += 1
        while True:
            if height % 8 == 0:
                self.levels.setdefault(height // 8, []).append(node)
            if height == len(self.peaks):
                self.peaks.append(b"")
            if not self.peaks[height]:
                self.peaks[height] = node
                return
            node, self.peaks[height] = hashlib.sha256(b"\1" + self.peaks[height] + node).digest(), b""
            height += 1

    def root(self) -> bytes:
        found = b""
        for peak in self.peaks:
            if peak:
                found = hashlib.sha256(b"\1" + peak + found).digest() if found else peak
        return found or hashlib.sha256(b"").digest()


def compare_tiles(folder: Path, tree: Tree, done: dict[int, int], *, last: bool) -> None:
    """Full tiles as soon as they are full; at the end the unfinished ones."""
    for level, hashes in tree.levels.items():
        while len(hashes) >= WIDTH or (last and hashes):
            index, width = done.get(level, 0), min(WIDTH, len(hashes))
            stored = (folder / tile_path(level, index, width)).read_bytes()
            for n in range(width):
                if stored[32 * n : 32 * n + 32] != hashes[n]:
                    raise WrongError(f"leaf {(index * WIDTH + n) * WIDTH**level}: tile {level}/{index} is not what the leaves give")
            if len(stored) != 32 * width:
                raise WrongError(f"tile {level}/{index} has another length")
            del hashes[:width]
            done[level] = index + 1


def read_leaf(index: int, raw: bytes, before: str, scopes: dict[bytes, int]) -> str:
    """One JSON object in its one spelling; gives its time."""
    leaf = json.loads(raw)
    # Names are ASCII, there are no fractions: sorted names without blanks are RFC 8785.
    if json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != raw:
        raise WrongError(f"leaf {index}: not in its one spelling")
    if leaf["at"] < before:
        raise WrongError(f"leaf {index}: earlier than the one before")
    scope = hashlib.sha256(leaf["scope"].encode()).digest()[:16]
    if leaf["seq"] != scopes.get(scope, -1) + 1:
        raise WrongError(f"leaf {index}: not the next one of its scope")
    scopes[scope] = leaf["seq"]
    return str(leaf["at"])


def audit(folder: Path, log: str, witnesses: list[str], quorum: int, kept: str | None) -> tuple[str, int, int]:
    """Origin, size and how many witnesses cosigned.  Raises WrongError."""
    note = (folder / "checkpoint").read_text("utf-8")
    origin, size, root = head(note)
    if log.split("+", 1)[0] != origin or not signed_by(note, log):
        raise WrongError("the checkpoint is not signed by the log")
    cosigned = sum(signed_by(note, witness) for witness in witnesses)
    if cosigned < quorum:
        raise WrongError(f"cosigned by {cosigned} witnesses, {quorum} are needed")
    earlier = None
    if kept is not None:
        if not signed_by(kept, log):
            raise WrongError("the kept checkpoint is not signed by the log")
        _, *earlier = head(kept)
        if earlier[0] > size:
            raise WrongError(f"leaf {size}: the log is shorter than the kept checkpoint")
    tree, done, at, scopes = Tree(), {}, "", {}
    for index, raw in enumerate(leaves(folder, size)):
        at = read_leaf(index, raw, at, scopes)
        tree.add(raw)
        if tree.size % WIDTH == 0:
            compare_tiles(folder, tree, done, last=False)
        if earlier is not None and tree.size == earlier[0] and tree.root() != earlier[1]:
            raise WrongError(f"leaf 0 to {index}: history was rewritten since the kept checkpoint")
    compare_tiles(folder, tree, done, last=True)
    if tree.root() != root:
        raise WrongError("the leaves do not give the checkpoint's root")
    return origin, size, cosigned


def main(arguments: list[str]) -> int:
    quorum, kept = 0, None
    while "--quorum" in arguments:
        at = arguments.index("--quorum")
        quorum = int(arguments[at + 1])
        del arguments[at : at + 2]
    while "--since" in arguments:
        at = arguments.index("--since")
        kept = Path(arguments[at + 1]).read_text("utf-8")
        del arguments[at : at + 2]
    if len(arguments) < 2:
        sys.stdout.write(__doc__ or "")
        return 2
    try:
        origin, size, cosigned = audit(Path(arguments[0]), arguments[1], arguments[2:], quorum, kept)
    except (WrongError, OSError, ValueError, KeyError, TypeError) as error:
        sys.stdout.write(f"日志不成立 the log does not hold: {error}\n")
        return 1
    sys.stdout.write(f"日志成立 the log holds: {origin}, {size} leaves, cosigned by {cosigned}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
