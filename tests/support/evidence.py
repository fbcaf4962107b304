"""Bundles of real cases, cosigned as witnesses would, changed as a forger would."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.region import ORIGIN, World, key_of, region, trust_data
from support.stages import SOURCE, stage

from gateway.federation.members import RetiredWitness, TrustData
from gateway.federation.registry import TrustFile
from gateway.model.canonical import b64url, jcs, unb64url
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import COSIGNATURE, LOG_SIGNATURE, NoteKey, cosign, sign_note, split_note, write_checkpoint
from gateway.transferlog.proof import parse_proof, write_proof
from gateway.transfers.evidence import Evidence, Selection
from gateway.verifier.report import Report
from gateway.verifier.verify import verify_bundle

Bundle = dict[str, Any]
AT = 1_793_600_000


def witness_key(member: str) -> NoteKey:
    return NoteKey(f"witness.test/{member}", COSIGNATURE, key_of(f"witness {member}").public_raw)


def witnessed_trust(quorum: int = 3) -> TrustData:
    data = trust_data()
    members = tuple(replace(member, witness_vkey=witness_key(member.id).vkey) for member in data.members)
    return replace(data, members=members, gateway=replace(data.gateway, witness_quorum=quorum))


def retired_witness(trust: TrustFile, member: str, until: int, log_until: int | None) -> TrustFile:
    """As after that member's witness took a new key."""
    new = NoteKey(f"witness.test/{member}", COSIGNATURE, key_of("a new witness key").public_raw).vkey
    members = tuple(
        replace(each, witness_vkey=new, witness_retired=(RetiredWitness(each.witness_vkey, datetime.fromtimestamp(until, UTC), log_until),))
        if each.id == member
        else each
        for each in trust.data.members
    )
    return TrustFile(replace(trust.data, members=members))


def maker(world: World) -> Evidence:
    gateway = world.gateway
    return Evidence(gateway.database, gateway.parts.reading, gateway.ledger, gateway.finality, gateway.receiver.vault, lambda: world.trust)


async def bundle_of(world: World, transfer: str, **selection: Any) -> Bundle:
    found: Bundle = json.loads(json.dumps(await maker(world).bundle(transfer, Selection(**selection))))
    return found


def logged_of(bundle: Bundle) -> Iterator[Bundle]:
    """Every leaf with its proof, wherever it stands."""
    yield from bundle["leaves"]
    yield from bundle["causes"]
    for key in bundle["keys"]:
        yield key["added"]
        if key["revoked"] is not None:
            yield key["revoked"]


def under(bundle: Bundle, note: str) -> Bundle:
    """The same bundle, every proof ending in this note."""
    found = copy.deepcopy(bundle)
    found["log"]["checkpoint"] = note
    for each in logged_of(found):
        proof = parse_proof(each["proof"])
        each["proof"] = write_proof(proof.index, proof.hashes, note)
    return found


def cosigned(bundle: Bundle, members: Sequence[str], quorum: int = 3) -> Bundle:
    """As after these members' witnesses have signed."""
    body, _ = split_note(bundle["log"]["checkpoint"])
    note = bundle["log"]["checkpoint"]
    for member in members:
        key = witness_key(member)
        note += cosign(body, key.name, key.id, AT, key_of(f"witness {member}").sign)
    found = under(bundle, note)
    found["log"]["cosigned"] = sorted(witness_key(member).name for member in members)
    found["log"]["final"] = len(members) >= quorum
    return found


def relogged(bundle: Bundle, leaves: Mapping[int, bytes]) -> Bundle:
    """What a lying gateway can do alone: a log with other leaves, proofs and checkpoint all its own.  By place in `leaves`."""
    found = copy.deepcopy(bundle)
    for place, raw in leaves.items():
        found["leaves"][place]["leaf"] = b64url(raw)
    logged = {each["index"]: each for each in logged_of(found)}
    hashes = [
        merkle.leaf_hash(unb64url(logged[index]["leaf"])) if index in logged else sha256(b"%d" % index).digest()
        for index in range(found["log"]["size"])
    ]
    log = key_of("log")

    def node(height: int, index: int) -> bytes:
        return hashes[index] if height == 0 else merkle.node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))

    root = merkle.root_at(len(hashes), node)
    note = sign_note(write_checkpoint(ORIGIN, len(hashes), root), ORIGIN, NoteKey(ORIGIN, LOG_SIGNATURE, log.public_raw).id, log.sign)
    for each in logged_of(found):
        each["proof"] = write_proof(each["index"], merkle.inclusion_proof(each["index"], len(hashes), node), note)
    found["log"]["checkpoint"] = note
    return found


def leaf_changed(bundle: Bundle, place: int, change: Callable[[dict[str, Any]], None]) -> bytes:
    shown = json.loads(unb64url(bundle["leaves"][place]["leaf"]))
    change(shown)
    return jcs(shown)


def verified(bundle: Bundle, trust: TrustFile) -> Report:
    return verify_bundle(json.dumps(bundle, ensure_ascii=False).encode(), trust)


def codes(bundle: Bundle, trust: TrustFile) -> set[str]:
    return {finding.code for finding in verified(bundle, trust).findings}


@dataclass(frozen=True)
class Court:
    """Two settled cases of one region, as bundles that three witnesses made final, and what they are judged by."""

    bundle: Bundle
    other: Bundle
    learner: Bundle
    trust: TrustFile


@cache
def court() -> Court:
    """Made once: nobody may change what is in it (`copy.deepcopy`)."""

    async def make(folder: Path) -> Court:
        async with region(folder, witnessed_trust()) as world:
            first = await stage(world, "settled")
            await first.do(SOURCE, "revoke")
            second = await stage(world, "settled")
            bundle, other = await bundle_of(world, first.transfer), await bundle_of(world, second.transfer)
            learner = await bundle_of(world, second.transfer, form="learner", items=(1,))
            three = ("CN-31", "CN-32", "CN-33")
            return Court(cosigned(bundle, three), cosigned(other, three), cosigned(learner, three), world.trust)

    with TemporaryDirectory() as folder:
        return asyncio.run(make(Path(folder)))
