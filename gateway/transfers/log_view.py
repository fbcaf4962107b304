"""The transfer log as people look at it: its head, who has witnessed how much of it and when, one leaf, and its proof step by step.

A proof is verified here, with the keys of the trust file in force, before it is shown; a bank's operator sees what a leaf says only
where that bank had part in it, while hashes and checkpoints are for everybody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.errors import TransferLogError
from gateway.federation.members import Member
from gateway.federation.registry import TrustFile
from gateway.storage.database import Database
from gateway.transferlog.checkpoint import COSIGNATURE, Checkpoint, decode_vkey, open_note, parse_decimal
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.proof import parse_proof, verify_receipt_proof
from gateway.transferlog.proof_steps import ProofStep, inclusion_steps
from gateway.transfers.case_detail import case_row
from gateway.transfers.finality import Finality, verifiers_of
from gateway.transfers.log_reading import LogReading


@dataclass(frozen=True, slots=True)
class WitnessLine:
    """The newest checkpoint that a member's witness cosigned.  `size` 0 and `at` None: none yet; `named` False: it has no witness."""

    member: str
    named: bool
    size: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogState:
    """`root` in hex; `final` is the largest size that `quorum` witnesses cosigned, 0 if none."""

    origin: str
    size: int
    root: str
    at: datetime | None
    age_s: int
    final: int
    quorum: int
    witnesses: tuple[WitnessLine, ...]


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """A leaf and its proof, which held.  `leaf` is None where the visitor's bank had no part in it."""

    index: int
    leaf: Leaf | None
    hashed: bytes
    proof: str
    steps: tuple[ProofStep, ...]
    checkpoint: Checkpoint
    final: bool


class LogView:
    """Reads as of the last commit.  `trust` gives the trust file in force, `now` the moment."""

    def __init__(
        self, database: Database, reading: LogReading, finality: Finality, trust: Callable[[], TrustFile], now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._reading = reading
        self._finality = finality
        self._trust = trust
        self._now = now

    async def state(self) -> LogState:
        """Head and witnesses.  Raises StorageError, TransferLogError."""
        ((size, root, at_text),) = await self._database.fetch("head")
        at = datetime.fromisoformat(at_text) if at_text else None
        age = int((self._now() - at).total_seconds()) if at else 0
        data = self._trust().data
        final = await self._finality.size()
        return LogState(data.gateway.log_origin, size, root.hex(), at, age, final, data.gateway.witness_quorum, await self.witnesses())

    async def witnesses(self) -> tuple[WitnessLine, ...]:
        """Every member's, in the order of the trust file."""
        trust = self._trust()
        return tuple([await self._witness(member, trust) for member in trust.data.members])

    async def _witness(self, member: Member, trust: TrustFile) -> WitnessLine:
        if not member.witness_vkey:
            return WitnessLine(member.id, named=False)
        key = decode_vkey(member.witness_vkey)
        for (size,) in await self._database.fetch("cosigned_last_by", witness=f"{key.name}+{key.id.hex()}"):
            for signed in open_note(await self._finality.note(size), verifiers_of(trust)).signed:
                if signed.name == key.name and signed.kind == COSIGNATURE and signed.at is not None:
                    return WitnessLine(member.id, True, size, datetime.fromtimestamp(signed.at, UTC))
        return WitnessLine(member.id, named=True)

    async def find(self, text: str, seen_by: str) -> int | None:
        """The index of a leaf named by its index, or by `scope/seq` of a scope the visitor may see; None for any other text."""
        number = parse_decimal(text)
        size, _ = await self._reading.head()
        if number is not None:
            return number if number < size else None
        scope, _, seq_text = text.rpartition("/")
        seq = parse_decimal(seq_text)
        rows = await self._database.fetch("log_index_of", scope=scope, seq=seq) if scope and seq is not None else []
        index: int | None = rows[0][0] if rows else None
        return index if index is not None and await self._leaf(index, seen_by) is not None else None

    async def shown(self, index: int, seen_by: str) -> ShownLeaf:
        """That leaf and its proof, verified.  Raises TransferLogError for an index that the log has not, or a proof that does not hold."""
        trust = self._trust()
        proof, final = await self._finality.proof(index)
        (raw,) = await self._reading.entries(index, index + 1)
        checkpoint = verify_receipt_proof(raw, proof, verifiers_of(trust), cosigners_min=trust.data.gateway.witness_quorum if final else 0)
        steps = tuple(inclusion_steps(leaf_hash(raw), index, checkpoint.size, parse_proof(proof).hashes))
        if (steps[-1].result if steps else leaf_hash(raw)) != checkpoint.root:
            raise TransferLogError("transferlog.bad_proof", "存证证明不成立", "the proof does not hold", place="steps")
        return ShownLeaf(index, await self._leaf(index, seen_by), leaf_hash(raw), proof, steps, checkpoint, final)

    async def _leaf(self, index: int, seen_by: str) -> Leaf | None:
        (raw,) = await self._reading.entries(index, index + 1)
        leaf = parse_leaf(raw)
        mine = seen_by in {"", leaf.actor, leaf.iss} or await case_row(self._database, leaf.scope, seen_by) is not None
        return leaf if mine else None
