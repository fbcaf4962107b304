"""Witnesses and finality: a quorum makes a size final, fewer do not, and a witness that knows better stops the log (TL-34 to TL-42)."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.region import World, key_of, region
from support.witnesses import Four, grow, one_round, witnessed_trust

from gateway.client.store import Outgoing, Store
from gateway.errors import SettingsError, StorageError, TransferLogError
from gateway.federation.channels.witness import WitnessAnswer
from gateway.federation.members import Member, RetiredWitness, TrustData
from gateway.federation.registry import TrustFile
from gateway.model.canonical import b64url, unb64url
from gateway.storage.conflict_rows import ConflictRow
from gateway.storage.connector_schema import open_connector
from gateway.storage.database import Write
from gateway.transferlog.checkpoint import COSIGNATURE, NoteKey, cosign, open_checkpoint, sign_note, split_note, write_checkpoint
from gateway.transferlog.proof import verify_receipt_proof
from gateway.transferlog.tiles import TileRef, consistency_proof, consistency_tiles
from gateway.transferlog.witness import parse_offer, write_offer
from gateway.transfers.finality import verifiers_of


@asynccontextmanager
async def four(
    folder: Path, *, mirrors: bool = False, banks: Path | None = None, data: TrustData | None = None
) -> AsyncIterator[tuple[World, Four]]:
    async with region(folder, data or witnessed_trust()) as world:
        banks_there = Four(banks or folder, world, mirrors=mirrors)
        try:
            yield world, banks_there
        finally:
            banks_there.close()


async def conflicts(world: World) -> list[ConflictRow]:
    return [ConflictRow(*row) for row in await world.gateway.database.fetch("conflicts_open")]


async def test_checkpoint_when_witnesses_are_up_down_back_and_hostile_then_final_only_with_the_quorum(tmp_path: Path) -> None:
    async with four(tmp_path, mirrors=True) as (world, banks):
        service, finality = banks.service(), world.gateway.finality
        size, _ = await world.gateway.ledger.head()
        assert await finality.size() == 0

        banks.down = {"CN-33", "CN-34"}
        await one_round(service)
        assert await finality.size() == 0  # two of four: logged, not final, and visibly so
        assert (await finality.proof(0))[1] is False
        assert (await finality.note(size)).count("witness.test") == 2
        for name in ("zz1", "zz2"):  # four rows, two of which hold: rows are no quorum
            await world.gateway.database.group([], lambda _rows, name=name: [spoiled(size, name)])
        assert await finality.size() == 0

        banks.down = {"CN-34"}
        await one_round(banks.service())
        assert await finality.size() == size
        checkpoint = open_checkpoint(await finality.note(size), verifiers_of(banks.trust), cosigners_min=3)
        assert (checkpoint.size, {each.name for each in checkpoint.cosigned}) == (size, {f"witness.test/CN-3{n}" for n in (1, 2, 3)})

        proof, final = await finality.proof(3)
        leaf = (await world.gateway.parts.reading.entries(3, 4))[0]
        assert final
        assert verify_receipt_proof(leaf, proof, verifiers_of(banks.trust), cosigners_min=3).size == size

        grown = await grow(world)
        assert (await finality.proof(grown - 1))[1] is False  # settled or not, this leaf is not final
        assert (await finality.proof(3))[1] is True  # and an old one stays so
        with pytest.raises(TransferLogError, match=r"transferlog\.leaf_missing"):
            await finality.proof(grown)

        def by_another(text: str) -> WitnessAnswer:
            body = split_note(parse_offer(text).note)[0]
            stranger = NoteKey("witness.test/CN-99", COSIGNATURE, key_of("stranger").public_raw)
            return WitnessAnswer(200, cosign(body, stranger.name, stranger.id, 1, key_of("stranger").sign))

        def under_another_name(text: str) -> WitnessAnswer:
            body = split_note(parse_offer(text).note)[0]
            own = NoteKey("witness.test/CN-31", COSIGNATURE, key_of("wCN-31").public_raw)
            return WitnessAnswer(200, cosign(body, own.name, own.id, 1, key_of("wCN-31").sign))

        banks.lies = {"CN-33": by_another, "CN-32": under_another_name, "CN-34": lambda _text: WitnessAnswer(200, "— x " + "A" * 20_000)}
        banks.down = set()
        await one_round(banks.service())
        assert (await finality.note(grown)).count("witness.test") == 1  # CN-31's own, once
        assert await finality.size() == size
        assert await conflicts(world) == []

        banks.lies = {}
        for member in banks.witnesses:
            banks.start(member)  # a restart remembers: each knows its head again from its own disk
        assert banks.witnesses["CN-31"].held.size == grown
        place = tmp_path / "witness-CN-31"
        kept = {str(each.relative_to(place)) for each in place.rglob("*") if each.is_file()}
        assert kept == {"lock", "checkpoint", f"tile/0/000.p/{grown}", f"tile/entries/000.p/{grown}"}  # an export, and no leftovers
        await one_round(banks.service())
        assert await finality.size() == grown
        assert (await world.gateway.parts.log_files.checkpoint()).count("witness.test") == 4
        assert await world.gateway.parts.log_files.checkpoint_at("final") == await finality.note(grown)
        assert await world.gateway.parts.log_files.checkpoint_at(str(grown + 1)) is None

        rows = await world.gateway.database.fetch("log_scope", scope="log")
        found = await world.gateway.parts.log_files.proof_of("log", str(rows[0][0]))
        assert found is not None
        assert found[1] is True
        assert await world.gateway.parts.log_files.proof_of("log", "99") is None

        await world.gateway.database.group([], lambda _rows: [spoiled(grown)])
        assert await finality.size() == grown
        assert (await finality.note(grown)).count("witness.test") == 4


def spoiled(size: int, name: str = "zzz") -> Write:
    """A line put into the table by somebody else: it must not spoil the note."""
    own = NoteKey("witness.test/CN-31", COSIGNATURE, key_of("wCN-31").public_raw)
    return Write("cosignature_put", [(size, name, cosign("x\n", own.name, own.id, 1, key_of("x").sign))])


async def test_log_when_rolled_back_then_stopped_with_both_heads_until_the_lost_tail_is_there_again(tmp_path: Path) -> None:
    node, banks_folder = tmp_path / "node", tmp_path / "banks"
    async with four(node, banks=banks_folder) as (world, banks):
        await one_round(banks.service())
        early, _ = await world.gateway.ledger.head()
    shutil.copytree(node / "data", tmp_path / "backup")
    async with four(node, banks=banks_folder) as (world, banks):
        late = await grow(world)
        grown = world.gateway.registry.trust.data
        await one_round(banks.service())
        assert await world.gateway.finality.size() == late
    shutil.move(node / "data", tmp_path / "good")
    shutil.copytree(tmp_path / "backup", node / "data")

    async with four(node, banks=banks_folder) as (world, banks):
        service = banks.service()
        banks.down = {"CN-31", "CN-32", "CN-33"}  # one witness that answers is enough
        await service.check()
        assert not service.open.is_set()
        (found,) = await conflicts(world)
        assert (found.member, found.kind, found.our_size, found.their_size) == ("CN-34", "rolled_back", early, late)
        assert open_checkpoint(found.our_note, verifiers_of(banks.trust)).size == early
        assert open_checkpoint(found.their_note, verifiers_of(banks.trust)).size == late  # signed by our own key: it convinces anybody
        with pytest.raises(StorageError, match=r"storage\.log_stopped"):
            await grow(world)
        assert (await world.gateway.ledger.head())[0] == early

    async with four(node, banks=banks_folder) as (world, banks):  # a restart changes nothing, even with every witness down
        service = banks.service()
        banks.down = set(banks.witnesses)
        await service.check()
        assert not service.open.is_set()
        assert len(await conflicts(world)) == 1
        with pytest.raises(StorageError, match=r"storage\.log_stopped"):
            await grow(world)

    shutil.copy(tmp_path / "good" / "gateway.db", node / "data" / "gateway.db")  # the tail is back: the very witness cosigns again
    async with four(node, banks=banks_folder, data=grown) as (world, banks):
        service = banks.service()
        await service.check()
        assert service.open.is_set()
        world.ids.chance.seed(8)
        assert await grow(world) == late + 1


async def test_log_when_forked_then_stopped_by_the_witness_of_the_other_history(tmp_path: Path) -> None:
    async with four(tmp_path) as (world, banks):
        size, _ = await world.gateway.ledger.head()
        log = key_of("log")
        origin = banks.trust.data.gateway.log_origin
        other = sign_note(write_checkpoint(origin, size, b"\x09" * 32), origin, NoteKey(origin, 1, log.public_raw).id, log.sign)
        banks.lies["CN-32"] = lambda _text: WitnessAnswer(422, "transferlog.bad_proof\n")
        service = banks.service()
        await one_round(service)
        assert service.open.is_set()  # a witness that says no and shows nothing of ours stops nobody
        banks.heads["CN-32"] = other
        service = banks.service()
        await one_round(service)
        assert not service.open.is_set()
        (found,) = await conflicts(world)
        assert (found.member, found.kind, found.their_note) == ("CN-32", "split_view", other)
        assert world.gateway.ledger.stopped

        banks.lies, banks.heads = {}, {}
        await one_round(banks.service())  # that very witness cosigns again: over
        assert await conflicts(world) == []
        await service.look()
        assert not world.gateway.ledger.stopped

        banks.lies["CN-32"] = lambda _text: WitnessAnswer(409, f"{size + 7}\n")
        service = banks.service()
        await service.check()
        assert await conflicts(world) == []  # not written: the table has a row of this very moment
        assert not service.open.is_set()  # and stopped all the same
        world.clock.advance(seconds=1)
        await service.check()
        (claimed,) = await conflicts(world)
        assert (claimed.kind, claimed.our_size, claimed.their_size) == ("rolled_back", size, size + 7)
        banks.lies = {}
        await one_round(banks.service())  # it cosigns less than it said it held: not over
        assert [each.member for each in await conflicts(world)] == ["CN-32"]
        assert not banks.service().open.is_set()

        data = banks.trust.data
        members = tuple(replace(each, witness_vkey="", witness_url="") if each.id == "CN-32" else each for each in data.members)
        world.gateway.registry.replace(TrustFile(replace(data, serial=data.serial + 1, members=members)))
        await service.look()  # the registry signed that it is no witness any more
        assert service.open.is_set()
        assert not world.gateway.ledger.stopped


async def test_log_when_its_own_cosignatures_say_otherwise_then_stopped_before_any_witness_is_asked(tmp_path: Path) -> None:
    async with four(tmp_path) as (world, banks):
        await one_round(banks.service())
        size, _ = await world.gateway.ledger.head()
        await world.gateway.database.group([], lambda _rows: [spoiled_root(size)])
        banks.down = set(banks.witnesses)
        service = banks.service()
        await service.check()
        assert not service.open.is_set()
        assert {each.kind for each in await conflicts(world)} == {"split_view"}


def spoiled_root(size: int) -> Write:
    """The head's root, changed under the gateway."""
    return Write("head_move", [(size, b"\x05" * 32, "2026-11-02T01:00:00.000000Z", size)], hits=1)


async def test_witness_when_a_leaf_is_not_as_it_must_be_then_not_cosigned(tmp_path: Path) -> None:
    async with four(tmp_path, mirrors=True) as (world, banks):
        service = banks.service()
        size, _ = await world.gateway.ledger.head()
        banks.alter = lambda data: data.replace(b"key.added", b"key.adder", 1)
        await one_round(service)
        assert await world.gateway.finality.size() == 0
        assert {witness.held.size for witness in banks.witnesses.values()} == {0}
        banks.alter = lambda data: data
        await one_round(banks.service())
        assert await world.gateway.finality.size() == size
        with pytest.raises(SettingsError, match=r"settings\.witness"):  # one folder, one witness
            Four(tmp_path, world)


async def test_witness_when_a_leaf_that_its_own_bank_holds_a_receipt_for_is_gone_then_alarm_and_no_cosignature(tmp_path: Path) -> None:
    """TL-63, PR-371."""
    async with four(tmp_path / "node", mirrors=True) as (world, banks), AsyncExitStack() as stack:
        store = Store(await open_connector(tmp_path / "connector.db"))
        stack.push_async_callback(store.close)
        banks.receipts = {"CN-31": store}
        banks.start("CN-31")
        reply = await world.send(world.request("CN-33", "CN-31", ["ACH-1"]))
        receipt = reply.body["receipt"]

        async def answered(jti: str, shown: dict[str, Any]) -> None:
            await store.commit(Store.send(Outgoing(jti, "request", jti), "2026-11-02T01:00:00.000000Z"))
            row = await store.message(jti)
            assert row is not None
            await store.commit([Store.answered(row, "done", "", 202, b"{}", json.dumps(shown))])

        await answered("kept", receipt)
        await one_round(banks.service())
        size, _ = await world.gateway.ledger.head()
        assert banks.witnesses["CN-31"].held.size == size  # it is there: cosigned

        banks.start("CN-31")
        leaf = unb64url(receipt["leaf"])
        for jti, shown, code in (
            ("changed", receipt | {"leaf": b64url(leaf.replace(b"CN-31", b"CN-34"))}, "own_leaf_changed"),
            ("lost", receipt | {"index": 1}, "own_leaf_missing"),
        ):
            await answered(jti, shown)
            grown = await grow(world)
            banks.start("CN-31")
            offer = write_offer(size, await consistency(world, size, grown), await world.gateway.finality.note(grown))
            reply_of = await banks.witnesses["CN-31"].add(offer)
            assert (reply_of.status, reply_of.text) == (422, f"transferlog.{code}\n")
            assert banks.witnesses["CN-31"].held.size == size
            place = tmp_path / "node" / "witness-CN-31" / "evidence"
            kept = {each.read_text("utf-8") for each in place.iterdir()}
            assert {banks.witnesses["CN-31"].note, receipt["proof"]} <= kept  # head before, and the proof that the leaf was there
            assert any(note.splitlines()[1] == str(grown) for note in kept if not note.startswith("c2sp"))  # and the head refused
            row = await store.message(jti)
            assert row is not None
            await store.commit([Store.again(jti, "2026-11-02T01:00:00.000000Z"), Store.answered(row, "done", "", 202, b"{}", "{}")])
        await one_round(banks.service())
        assert {each.held.size for each in banks.witnesses.values()} == {grown}  # nothing stands against it any more


async def consistency(world: World, old: int, size: int) -> list[bytes]:
    tiles = await world.gateway.parts.reading.tiles(consistency_tiles(old, size))
    return list(consistency_proof(old, size, lambda level, index, width: tiles[TileRef(level, index, width)]))


async def test_transfer_when_shown_then_says_whether_it_is_final(tmp_path: Path) -> None:
    async with four(tmp_path) as (world, banks):
        status = world.gateway.parts.status
        assert (await status._final(["log"]))["log"]["final"] is False
        await one_round(banks.service())
        size = await world.gateway.finality.size()
        assert (await status._final(["log"])) == {"log": {"final": True, "final_size": size}}
        assert json.dumps(await status.listing("")) == '{"transfers": [], "next": null}'


async def test_finality_when_witnesses_change_their_keys_then_what_was_final_stays_so_if_the_old_keys_are_kept(tmp_path: Path) -> None:
    async with four(tmp_path) as (world, banks):  # PR-372, PR-373
        await one_round(banks.service())
        size, _ = await world.gateway.ledger.head()
        data = banks.trust.data

        async def final(*, kept: bool, until: datetime) -> int:
            """With new keys for two of the four; each file is a new one."""
            nonlocal data
            members = tuple(
                rotated(each, until, size, kept=kept) if each.id in {"CN-31", "CN-32"} else each for each in witnessed_trust().members
            )
            data = replace(data, serial=data.serial + 1, members=members)
            world.gateway.registry.replace(TrustFile(data))
            return await world.gateway.finality.size()

        later = world.clock.now() + timedelta(seconds=1)
        assert await final(kept=True, until=later) == size
        await banks.service().check()  # and our own cosignatures by the old keys still speak of our past
        assert await conflicts(world) == []
        assert await final(kept=True, until=world.clock.now()) == 0  # they cosigned when their keys had ended
        assert await final(kept=False, until=later) == 0
        assert await final(kept=True, until=later) == size


def rotated(member: Member, until: datetime, log_until: int, *, kept: bool) -> Member:
    new = NoteKey(f"witness.test/{member.id}", COSIGNATURE, key_of(f"w2 {member.id}").public_raw).vkey
    retired = (RetiredWitness(member.witness_vkey, until, log_until),) if kept else ()
    return replace(member, witness_vkey=new, witness_retired=retired)
