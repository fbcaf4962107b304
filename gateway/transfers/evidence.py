"""One transfer as one document that proves itself: the maker of evidence bundles (docs/evidence.md, EV-1 to EV-12).

Every leaf of the case up to one signed checkpoint, what was signed byte for byte with the secrets that open the digests, the answers
given, the keys with the leaves that began and ended them.  Nothing in it is the maker's word: each value is bound to a leaf, a
signature or the trust file, and the reader recomputes it.  With contents it holds the learner's own data: keep it as one keeps records.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gateway.errors import TransferError
from gateway.federation.protocol import GATEWAY_ID
from gateway.federation.registry import TrustFile
from gateway.federation.trust_json import moment
from gateway.model.canonical import b64url
from gateway.storage.database import Database
from gateway.transferlog.checkpoint import COSIGNATURE, open_note, parse_checkpoint
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.proof import parse_proof, write_proof
from gateway.transfers.evidence_contents import Contents, answers_of, nothing_told, told_to_learner, whole
from gateway.transfers.finality import verifiers_of
from gateway.transfers.log_reading import LogReading
from gateway.transfers.vault import Vault

FORM: Final = 1
KIND: Final = "ceg-evidence"
NOT_PROVEN: Final = ("truth", "suppressed", "complete", "later", "learner_act", "time")
READ: Final = "record.read"
"""Who took evidence before.  The newest may be missing: that it is not final yet keeps nobody from a final bundle of the acts."""
CAUSES: Final = frozenset({"consent.withdrawn", "outcome.cleared"})
"""Leaves of other scopes that a case's leaf may name as its cause and that tell nothing of another learner's case."""


class Prover(Protocol):
    """What makes proofs at any size: `gateway.transfers.unit_of_work.Ledger`."""

    async def proof(self, index: int, size: int) -> str: ...

    async def head(self) -> tuple[int, str]: ...


class Finals(Protocol):
    """Which checkpoints are final: `gateway.transfers.finality.Finality`."""

    async def proof(self, index: int) -> tuple[str, bool]: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """What a bundle tells.  `form`: `full`, `learner` or `bare`; the rest is for a learner's proof.

    `items` are numbers from 1 in the order of the request, none for all; `fields` are shown, the others only committed to;
    `identity`: with the identity block, which alone says whose the records are.
    """

    form: str = "full"
    items: tuple[int, ...] = ()
    fields: tuple[str, ...] = ()
    identity: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Makes bundles.  `finals` is None where cosignatures are not known: the bundle then says that it is not final."""

    database: Database
    reading: LogReading
    prover: Prover
    finals: Finals | None
    vault: Vault | None
    trust: Callable[[], TrustFile]

    async def bundle(self, transfer: str, selection: Selection) -> dict[str, Any]:
        """Raises TransferError(`transfer.unknown`, `transfer.no_such_item`), StorageError(`storage.erased`): ask without contents then."""
        scope = await self.reading.scope(transfer)
        if not scope:
            raise TransferError("transfer.unknown", "没有这个转移", "there is no such transfer")
        parsed = [(index, raw, parse_leaf(raw)) for _, index, raw in scope]
        under = await self._checkpoint(max(index for index, _, leaf in parsed if leaf.type != READ))
        leaves = [each for each in parsed if each[0] < under.size]
        causes = await self._causes(transfer, [leaf for _, _, leaf in leaves], under.size)
        signed = [leaf for _, _, leaf in (*leaves, *causes) if leaf.envelope]
        contents = await self._contents(transfer, [leaf for _, _, leaf in leaves], selection)
        return {
            "v": FORM,
            "kind": KIND,
            "form": selection.form,
            "transfer": transfer,
            "gateway": GATEWAY_ID,
            "log": under.document(),
            "leaves": [await under.logged(self.prover, index, raw) for index, raw, _ in leaves],
            "causes": [await under.logged(self.prover, index, raw) for index, raw, _ in causes],
            "keys": [await self._key(under, actor, kid) for actor, kid in dict.fromkeys((leaf.actor, leaf.kid) for leaf in signed)],
            "messages": contents.messages,
            "made": contents.made,
            "records": contents.records,
            "not_proven": list(NOT_PROVEN),
        }

    async def _checkpoint(self, last: int) -> "_Under":
        """The final checkpoint where it covers the whole case, else the newest.  `last` is the index of the case's last act."""
        if self.finals is not None:
            proof, final = await self.finals.proof(last)
            note = parse_proof(proof).checkpoint
            return _Under.read(note, self.trust(), final=final)
        _, note = await self.prover.head()
        return _Under.read(note, self.trust(), final=False)

    async def _causes(self, transfer: str, leaves: Sequence[Leaf], size: int) -> list[tuple[int, bytes, Leaf]]:
        found = []
        for scope, seq in sorted({leaf.cause for leaf in leaves if leaf.cause is not None and leaf.cause[0] != transfer}):
            for row_seq, index, raw in await self.reading.scope(scope):
                leaf = parse_leaf(raw)
                if row_seq == seq and index < size and leaf.type in CAUSES:
                    found.append((index, raw, leaf))
        return found

    async def _key(self, under: "_Under", member: str, kid: str) -> dict[str, Any]:
        """A key as the trust file has it now, and its own leaves."""
        record = self.trust().find_key(member, kid)
        assert record is not None, "the trust file forgets no key"
        own = {parse_leaf(raw).type: (index, raw) for _, index, raw in await self.reading.scope(kid) if index < under.size}
        ended = own.get("key.revoked")
        revoked_at = None if ended is None or record.revoked_at is None else moment(record.revoked_at)
        return {
            "member": member,
            "kid": kid,
            "alg": record.key.alg,
            "jwk": record.key.jwk,
            "not_before": moment(record.not_before),
            "not_after": moment(record.not_after),
            "revoked_at": revoked_at,
            "added": await under.logged(self.prover, *own["key.added"]),
            "revoked": None if ended is None else await under.logged(self.prover, *ended),
        }

    async def _contents(self, transfer: str, leaves: Sequence[Leaf], selection: Selection) -> Contents:
        if self.vault is None or selection.form == "bare":
            return nothing_told()
        stored = await self.vault.all_of(transfer)
        if selection.form == "learner":
            return told_to_learner(transfer, stored, leaves, selection.items, selection.fields, identity=selection.identity)
        return whole(transfer, stored, leaves, await self._answers(leaves))

    async def _answers(self, leaves: Sequence[Leaf]) -> Mapping[tuple[str, str], tuple[bytes, bytes]]:
        """`(iss, jti)` to `(body without its receipt, secret)` of each act."""
        return await answers_of(self.database, {(leaf.iss, leaf.jti) for leaf in leaves if leaf.envelope})


@dataclass(frozen=True, slots=True)
class _Under:
    """The one checkpoint that a bundle stands under."""

    origin: str
    size: int
    note: str
    final: bool
    cosigned: tuple[str, ...]

    @classmethod
    def read(cls, note: str, trust: TrustFile, *, final: bool) -> "_Under":
        opened = open_note(note, verifiers_of(trust))
        head = parse_checkpoint(opened.body)
        cosigned = tuple(sorted({each.name for each in opened.signed if each.kind == COSIGNATURE}))
        quorum = trust.data.gateway.witness_quorum
        return cls(head.origin, head.size, note, final or 0 < quorum <= len(cosigned), cosigned)

    def document(self) -> dict[str, Any]:
        return {"origin": self.origin, "size": self.size, "final": self.final, "cosigned": list(self.cosigned), "checkpoint": self.note}

    async def logged(self, prover: Prover, index: int, raw: bytes) -> dict[str, Any]:
        """Leaf and proof, the proof ending in this very note with all its cosignatures."""
        hashes = parse_proof(await prover.proof(index, self.size)).hashes
        return {"index": index, "leaf": b64url(raw), "proof": write_proof(index, hashes, self.note)}
