"""A small log with honest leaves, kept as rows the way storage keeps them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

import pytest

from gateway.crypto.keys import SigningKey, verify_ed25519
from gateway.transferlog import tiles
from gateway.transferlog.audit import LogSource
from gateway.transferlog.checkpoint import COSIGNATURE, LOG_SIGNATURE, NoteKey, Verifier, cosign, sign_note, write_checkpoint
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transferlog.leaf_form import TOTALS
from gateway.transferlog.merkle import leaf_hash

ORIGIN = "log.example/yrd"


class Signer:
    """A deterministic test key under a name."""

    def __init__(self, name: str, kind: int = LOG_SIGNATURE) -> None:
        key = SigningKey.from_seed(sha256(name.encode()).digest())
        self.key = NoteKey(name, kind, key.public_raw)
        self.sign = key.sign
        self.verifier = Verifier(self.key, verify_ed25519)


def hexed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def totals(**given: str) -> dict[str, str]:
    return {name: given.get(name, "0") for name in TOTALS}


def requested(case: int, at: int = 0, **changes: object) -> Leaf:
    """The first leaf of a transfer with one item."""
    fields: dict[str, object] = {
        "type": "transfer.requested", "at": moment(at), "scope": hexed(f"case {case}"), "seq": 0, "iss": "CN-31", "jti": f"request-{case}",
        "actor": "CN-31", "role": "facing.source", "kid": "k" * 43, "envelope": "aGVhZA.Y2xhaW1z.c2ln",
        "content": (("request", hexed("sd"), 321),),
        "answer": hexed("answer"), "status": 202, "state_before": "", "state_after": "delivering", "ver": 1,
        "totals": totals(submitted="4.0", pending="4"), "items": ((hexed(f"cm {case}"), hexed(f"nf {case}"), "claimed"),),
    }  # fmt: skip
    return Leaf(**(fields | changes))


def delivered(case: int, at: int = 0, **changes: object) -> Leaf:
    """The second leaf of the same transfer: the accepting bank has it."""
    given = {
        "type": "transfer.delivered", "seq": 1, "iss": "CN-32", "jti": f"acknowledge-{case}", "actor": "CN-32", "role": "accepting",
        "state_before": "delivering", "state_after": "reviewing", "ver": 2,
    }  # fmt: skip
    return requested(case, at, **(given | changes))


def moment(at: int) -> str:
    return f"2024-06-{1 + at // 86_400:02d}T{at // 3_600 % 24:02d}:{at // 60 % 60:02d}:{at % 60:02d}.000000Z"


def honest(count: int) -> list[bytes]:
    """So many leaves: the opening one, then transfers of two leaves each."""
    leaves = [Leaf(type="log.opened", at=moment(0), scope="log", seq=0, iss="CN-YRD", jti="opened", facts={"origin": ORIGIN})]
    leaves.extend((delivered if n % 2 else requested)(n // 2, n) for n in range(count - 1))
    return [leaf_bytes(leaf) for leaf in leaves[:count]]


@dataclass
class Rows:
    """log_entry, log_tile and log_head as storage holds them, and the signed note of the head."""

    leaves: list[bytes] = field(default_factory=list)
    tiles: dict[int, bytes] = field(default_factory=dict)
    root: bytes = b""
    note: bytes = b""

    def get_tile(self, level: int, index: int, width: int) -> bytes:
        return tiles.rows_reader(self.tiles.get, lambda first, end: self.leaves[first:end])(level, index, width)

    def source(self, **changes: object) -> LogSource:
        given = {
            "size": len(self.leaves), "root": self.root, "entries": list(enumerate(self.leaves)), "get_tile": self.get_tile,
            "checkpoint": self.note, "verifiers": [Signer(ORIGIN).verifier],
        }  # fmt: skip
        return LogSource(**(given | changes))


def stored(leaves: list[bytes], batch: int = 100) -> Rows:
    rows = Rows(leaves=list(leaves))
    state = tiles.TreeState()
    for start in range(0, len(leaves), batch):
        state, writes, _ = tiles.append(state, [leaf_hash(leaf) for leaf in leaves[start : start + batch]])
        rows.tiles.update({write.id: write.data for write in writes})
    rows.root = state.root()
    rows.note = note_of(len(leaves), rows.root).encode()
    return rows


def note_of(size: int, root: bytes, witnesses: int = 0) -> str:
    log = Signer(ORIGIN)
    body = write_checkpoint(ORIGIN, size, root)
    note = sign_note(body, ORIGIN, log.key.id, log.sign)
    for n in range(witnesses):
        witness = Signer(f"bank-{n}.example", COSIGNATURE)
        note += cosign(body, witness.key.name, witness.key.id, 1_700_000_000 + n, witness.sign)
    return note


class Workshop:
    """What the tests of this folder build logs with."""

    origin = ORIGIN
    Signer = Signer
    hexed = staticmethod(hexed)
    totals = staticmethod(totals)
    moment = staticmethod(moment)
    requested: Callable[..., Leaf] = staticmethod(requested)
    delivered: Callable[..., Leaf] = staticmethod(delivered)
    honest = staticmethod(honest)
    stored = staticmethod(stored)
    note_of = staticmethod(note_of)


@pytest.fixture(scope="session")
def shop() -> type[Workshop]:
    return Workshop
