"""The trust file replaced at runtime: what it takes away counts for nothing from that commit on, and the log says so."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.auditor import books, shanghai_part
from support.region import START, World, key_of, region, trust_data
from support.stages import ACCEPTING, SOURCE, stage

from gateway.errors import TrustError
from gateway.federation.members import KeyRecord, Member, SignedAgreement, Status, TrustData
from gateway.federation.registry import TrustFile, sign_agreement
from gateway.model.transfer import State
from gateway.transfers.registry import SyncRegistry

RECORDS = ("SHC00000000001",)


def changed(data: TrustData, id: str, **changes: object) -> TrustFile:
    def other(member: Member) -> Member:
        return replace(member, **changes) if member.id == id else member

    return TrustFile(replace(data, serial=data.serial + 1, members=tuple(map(other, data.members))))


def revoked(world: World, at: timedelta = timedelta()) -> TrustFile:
    """The source bank's key is revoked; a second one takes over."""
    old = next(member for member in world.trust.data.members if member.id == SOURCE).keys[0]
    new = KeyRecord(key_of("CN-31-next").verify_key, old.not_before, old.not_after)
    data = changed(world.trust.data, SOURCE, keys=(replace(old, revoked_at=world.clock.now() + at), new)).data

    def signed_anew(each: SignedAgreement) -> SignedAgreement:
        """What a revoked key signed counts no longer."""
        return replace(each, signatures={**each.signatures, SOURCE: sign_agreement(key_of("CN-31-next"), each.text)})

    return TrustFile(replace(data, agreements=tuple(signed_anew(each) if SOURCE in each.signatures else each for each in data.agreements)))


async def test_key_when_revoked_at_runtime_then_at_once_logged_and_refused_even_for_repeats(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS))
        first = await world.send(message)
        size = found.size()
        world.clock.advance(seconds=1)
        trust = revoked(world)
        await world.gateway.sync_registry(trust)
        assert [leaf.type for leaf in found.leaves()[size:]] in (["key.revoked", "key.added"], ["key.added", "key.revoked"])
        assert found.rows("SELECT log_until IS NOT NULL FROM member_key WHERE kid = ?", key_of(SOURCE).kid) == [(1,)]
        for again in (message, world.request(SOURCE, "CN-33", RECORDS, shanghai_part(*RECORDS))):
            with pytest.raises(TrustError) as caught:
                await world.send(again)
            assert caught.value.code == "trust.key_not_valid"
        heard = await world.send(world.request(SOURCE, "CN-33", ("SHC2",), shanghai_part("SHC2"), key=key_of("CN-31-next")))
        assert heard.status == 202, heard.body
        assert first.status == 202
        assert found.audit(trust).ok  # what the old key signed before its end stands


@pytest.mark.parametrize("ahead", [0, 3600], ids=["same clocks", "registry's clock ahead"])
async def test_message_when_its_key_is_revoked_in_the_same_batch_then_refused_and_not_kept(tmp_path: Path, ahead: int) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS))
        trust = revoked(world, timedelta(seconds=ahead))
        committer = world.gateway.committer
        revocation = committer.submit(SyncRegistry(trust, world.ids.jti(), "CN-YRD", "log.test/gateway"))
        batches = committer.batches
        _, heard = await asyncio.gather(revocation, world.send(message), return_exceptions=True)
        assert isinstance(heard, TrustError)
        assert heard.code == "trust.key_not_valid"
        assert committer.batches - batches <= 2
        assert found.transfers() == []
        assert found.rows("SELECT COUNT(*) FROM message") == [(0,)]


async def test_message_when_its_member_is_suspended_in_the_same_batch_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        trust = changed(world.trust.data, SOURCE, status=Status.SUSPENDED)
        message = world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS))
        sync = world.gateway.committer.submit(SyncRegistry(trust, world.ids.jti(), "CN-YRD", "log.test/gateway"))
        _, heard = await asyncio.gather(sync, world.send(message), return_exceptions=True)
        assert isinstance(heard, TrustError)
        assert heard.code == "trust.suspended"
        assert (found.transfers(), found.leaves()[-1].type) == ([], "member.suspended")


async def test_member_when_suspended_and_resumed_then_leaves_and_the_case_goes_on(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.REVIEWING)
        suspended = changed(world.trust.data, ACCEPTING, status=Status.SUSPENDED)
        await world.gateway.sync_registry(suspended)
        decision = case.message(ACCEPTING, "decide")
        with pytest.raises(TrustError) as caught:
            await world.send(decision)
        assert caught.value.code == "trust.suspended"
        refused = await world.send(world.request(SOURCE, ACCEPTING, ("SHC3",), shanghai_part("SHC3")))
        assert refused.code == "transfer.bad_document"
        await world.gateway.sync_registry(changed(suspended.data, ACCEPTING, status=Status.ACTIVE))
        assert (await world.send(decision)).status == 200
        types = [leaf.type for leaf in found.leaves()]
        assert types.index("member.suspended") < types.index("member.resumed") < types.index("transfer.decided")
        assert found.audit(world.trust).ok


async def test_registry_when_same_file_comes_again_then_no_leaf(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        size = found.size()
        await world.gateway.sync_registry(world.trust)
        assert found.size() == size
        kinds = {leaf.type for leaf in found.leaves()}
        assert kinds == {"log.opened", "member.added", "key.added"}
        assert size == 1 + 4 + 5


async def test_key_when_its_time_is_over_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        world.clock.moment = START + timedelta(days=365)
        with pytest.raises(TrustError) as caught:
            await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS)))
        assert caught.value.code == "trust.key_not_valid"


async def test_region_when_all_sign_with_es256_then_a_case_opens(tmp_path: Path) -> None:
    async with region(tmp_path, trust_data(alg="ES256")) as world, books(world) as found:
        heard = await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), key=key_of(SOURCE, "ES256")))
        assert heard.status == 202, heard.body
        assert found.audit(world.trust).ok
