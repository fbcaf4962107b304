"""Folders of a member: what is taken, what is left alone, and that a death costs nothing.  docs/transports.md, TR-17 to TR-32."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.folders import RECORDS, SENDER, SH, TAKER, Desk, desk, metric
from support.region import key_of

from gateway.errors import PeerUnavailableError, StorageBusyError
from gateway.federation.envelope import open_envelope
from gateway.federation.framing import from_files
from gateway.federation.protocol import CONTENT_BYTES_MAX, LIFETIME_FILE_MAX
from gateway.transfers.file_exchange import NAME_PREFIX, FileCarrier, FileExchange


async def test_look_when_a_message_is_whole_then_answered_and_put_away(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        names = here.lay(here.request(), "a-1")
        assert await here.exchange.look() == 1
        assert here.left() == []
        done = {file.name for file in (here.inbox / "done").iterdir()}
        assert done == {*names, "a-1.receipt"}
        assert here.receipt("a-1")["state"] == "delivering"


async def test_look_when_the_server_has_no_posix_rename_then_renames_all_the_same(tmp_path: Path) -> None:
    async with desk(tmp_path, without=frozenset({"posix_rename", "fsync"})) as here:
        message = here.request()
        for _ in range(2):
            here.lay(message, "a-1")
            assert await here.exchange.look() == 1
        assert here.left() == []
        assert here.receipt("a-1")["receipt"]["repeated"] is True


async def test_look_when_a_message_is_laid_again_then_stored_answer_marked_repeated(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        message = here.request()
        answers = []
        for name in ("a", "a", "b"):
            here.lay(message, name)
            await here.exchange.look()
            answers.append(here.receipt(name))
        size = here.world.gateway.ledger.size
        assert [answer["receipt"].pop("repeated", False) for answer in answers] == [False, True, True]
        assert answers[0] == answers[1] == answers[2]
        here.world.clock.advance(days=8)  # past its time a repeat is still a repeat
        here.lay(message, "c")
        await here.exchange.look()
        assert here.receipt("c")["receipt"]["repeated"] is True
        assert here.world.gateway.ledger.size == size


async def test_look_when_the_same_id_comes_with_other_contents_then_conflict(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        message = here.request()
        here.lay(message, "a")
        here.lay(here.request(jti=message.jti), "b")
        await here.exchange.look()
        assert here.receipt("a")["state"] == "delivering"
        assert here.receipt("b", "refused")["problem"]["code"] == "trust.replay_conflict"


async def test_look_when_files_are_missing_or_half_written_then_nothing_is_touched(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        size = here.world.gateway.ledger.size
        names = here.lay(here.request(), "a")
        token = (here.inbox / "a.jws").read_bytes()
        (here.inbox / ".a.part.tmp").write_bytes(b"half")
        for broken in (None, token[:-1], token[:50], b""):
            (here.inbox / "a.jws").unlink(missing_ok=True)
            if broken is not None:
                (here.inbox / "a.jws").write_bytes(broken)
            assert await here.exchange.look() == 0
        (here.inbox / "a.jws").write_bytes(token)
        held = (here.inbox / "a.part").read_bytes()
        (here.inbox / "a.part").unlink()
        assert await here.exchange.look() == 0
        assert here.left() == sorted(set(names) - {"a.part"})
        (here.inbox / "a.part").write_bytes(held)
        assert (await here.exchange.look(), here.left()) == (1, [])
        assert here.world.gateway.ledger.size > size


async def test_envelope_when_it_never_comes_then_alarm_once_and_metric_and_nothing_moved(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        names = here.lay(here.request(), "a")
        (here.inbox / "a.jws").unlink()
        with capture_logs() as logs:
            await here.exchange.look()
            here.world.clock.advance(minutes=59)
            await here.exchange.look()
            assert logs == []
            here.world.clock.advance(minutes=1)
            await here.exchange.look()
            await here.exchange.look()
        assert [(line["event"], line["log_level"], line["file"]) for line in logs] == [("files_incomplete", "error", "a")]
        assert metric("ceg_files_incomplete", member=SENDER) == 1
        assert here.left() == sorted(set(names) - {"a.jws"})
        for name in here.left():
            (here.inbox / name).unlink()
        await here.exchange.look()
        assert metric("ceg_files_incomplete", member=SENDER) == 0


async def test_message_when_not_authentic_then_refused_with_a_problem_and_the_others_go_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.lay(here.request(key=key_of("CN-34")), "a-forged")
        here.lay(here.request(life=timedelta(days=7, seconds=1)), "b-long")
        here.lay(here.world.request(SENDER, TAKER, RECORDS, SH), "c-http")
        here.lay(here.request(), "d-changed")
        (here.inbox / "d-changed.part").write_bytes(SH.replace(b"86", b"96"))
        here.lay(here.request(), "e-extra")
        (here.inbox / "e-extra.more").write_bytes(b"x")
        here.lay(here.request(), "f-good")
        (here.inbox / "g-junk.jws").write_bytes(b"no token\n")
        (here.inbox / "g-junk.secrets").write_bytes(b"")
        (here.inbox / "h-junk.jws").write_bytes(b"no token\n")
        (here.inbox / "h-junk.secrets").write_bytes(b"\xff=\n")
        size = here.world.gateway.ledger.size
        assert await here.exchange.look() == 8
        codes = {name: here.receipt(name, "refused")["code"] for name in ("a-forged", "b-long", "c-http", "d-changed", "e-extra")}
        assert codes == {
            "a-forged": "trust.unknown_key", "b-long": "trust.stale", "c-http": "trust.wrong_target",
            "d-changed": "trust.digest_mismatch", "e-extra": "trust.missing_secret",
        }  # fmt: skip
        assert here.receipt("g-junk", "refused")["code"] == "trust.bad_envelope"
        assert here.receipt("h-junk", "refused")["code"] == "format.framing"
        assert here.receipt("f-good")["state"] == "delivering"
        assert here.left() == []
        assert here.world.gateway.ledger.size > size


async def test_message_when_refused_by_the_rules_then_signed_no_lies_in_refused(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.lay(here.request(consent={"purpose": "advertising"}), "a")
        await here.exchange.look()
        body = here.receipt("a", "refused")
        assert (body["problem"]["code"], "refusal" in body["receipt"]) == ("consent.other_purpose", True)


async def test_message_when_in_another_members_folder_then_not_carried_out_there(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        size = here.world.gateway.ledger.size
        here.lay(here.world.request("CN-32", TAKER, RECORDS, SH, target=None, life=LIFETIME_FILE_MAX), "a")
        await here.exchange.look()
        assert here.receipt("a", "refused")["code"] == "trust.wrong_folder"
        assert here.world.gateway.ledger.size == size


async def test_sizes_when_over_a_bound_then_refused_before_a_byte_is_read(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.lay(here.request(), "a")
        with (here.inbox / "a.part").open("wb") as file:
            file.truncate(CONTENT_BYTES_MAX + 1)
        here.host.steps.heal()
        assert await here.exchange.look() == 1
        assert here.receipt("a", "refused")["code"] == "format.too_large"
        assert here.host.steps.done.count("read") == 2  # the receipt, twice asked, and nothing else


async def test_listing_when_there_are_strange_entries_then_counted_and_left(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        here.inbox.mkdir()
        secret = tmp_path / "secret"
        secret.write_bytes(b"not for you")
        (here.inbox / "link.jws").symlink_to(secret)
        (here.inbox / "身份证 110105.xlsx").write_bytes(b"x")
        (here.inbox / "README").write_bytes(b"x")
        before = metric("ceg_file_messages_total", member=SENDER, result="bad_name")
        assert await here.exchange.look() == 0
        assert metric("ceg_file_messages_total", member=SENDER, result="bad_name") == before + 3
        assert len(here.left()) == 3


async def gone_on(here: Desk, name: str, names: list[str]) -> None:
    """Whatever happened before, one more round ends it."""
    here.host.steps.heal()
    await here.exchange.look()
    assert here.left() == []
    assert {file.name for file in (here.inbox / "done").glob(f"{name}.*")} == {*names, f"{name}.receipt"}
    assert here.receipt(name)["state"] == "delivering"


@pytest.mark.parametrize("after", [False, True], ids=["not_done", "done_but_unheard"])
async def test_look_when_the_server_dies_at_each_step_then_the_next_round_goes_on(tmp_path: Path, after: bool) -> None:
    async with desk(tmp_path) as here:
        await here.exchange.look()  # the folders are there
        steps, step = 1, 0
        while step < steps:
            name, message = f"m{step}", here.request(step + 1)
            names = here.lay(message, name)
            size = here.world.gateway.ledger.size
            here.host.steps.die_at(step, after=after)
            with pytest.raises(PeerUnavailableError):
                await here.exchange.look()
            assert {*names} <= {file.name for file in here.inbox.rglob(f"{name}.*")}, f"lost at step {step}"
            await gone_on(here, name, names)
            grown = here.world.gateway.ledger.size - size
            assert grown == 1, f"step {step}: {grown} leaves"
            if step == 0:
                steps = len(here.host.steps.done)
            step += 1
        assert step > 30


async def test_look_when_the_database_is_busy_then_nothing_is_answered_and_the_next_round_takes_it(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        names = here.lay(here.request(), "a")

        async def busy(_raw: Any, _http: None, _lifetime: timedelta) -> Any:
            raise StorageBusyError("storage.busy", "忙", "busy")

        waiting = FileExchange(SENDER, here.channel, busy, lambda _member: None, here.world.clock, timedelta(hours=1))
        with pytest.raises(StorageBusyError):
            await waiting.look()
        assert here.left() == sorted(names)
        await gone_on(here, "a", names)


async def test_gateway_when_killed_between_commit_and_receipt_then_the_stored_answer_is_given(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        names = here.lay(here.request(), "a")
        receive = here.world.gateway.receiver.receive

        async def killed(raw: Any, http: None, lifetime: timedelta) -> Any:
            await receive(raw, http, lifetime)
            raise KeyboardInterrupt

        dying = FileExchange(SENDER, here.channel, killed, lambda _member: None, here.world.clock, timedelta(hours=1))
        with pytest.raises(KeyboardInterrupt):
            await dying.look()
        size = here.world.gateway.ledger.size
        await gone_on(here, "a", names)
        assert here.receipt("a")["receipt"]["repeated"] is True
        assert here.world.gateway.ledger.size == size


@pytest.mark.parametrize("after", [False, True], ids=["not_done", "done_but_unheard"])
async def test_carry_when_the_server_dies_at_each_step_then_the_bank_sees_all_or_nothing(tmp_path: Path, after: bool) -> None:
    async with desk(tmp_path) as here:
        assert (await here.world.send(here.world.request(SENDER, TAKER, RECORDS, SH))).status == 202
        dispatcher = here.world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(TAKER, 1, at_once=True)
        parcel = await dispatcher.parcel(row)
        assert parcel is not None
        carrier = FileCarrier(dispatcher, here.channel, 1.0)
        outbox = here.host.exchange / "from-gateway"
        name = NAME_PREFIX + row.jti
        async with here.channel.open() as folders:
            await folders.ensure(("from-gateway",))
        steps, step = 1, 0
        while step < steps:
            here.host.steps.die_at(step, after=after)
            with pytest.raises(PeerUnavailableError):
                await carrier.carry(parcel)
            if (outbox / f"{name}.jws").exists():
                seen(outbox, name)
            here.host.steps.heal()
            await carrier.carry(parcel)
            assert seen(outbox, name) == {content.name: content.data for content in parcel.contents}
            message = open_envelope((outbox / f"{name}.jws").read_text().strip(), keys=here.world.trust.finder(here.world.clock.now()))
            assert (message.exp - message.iat, message.claims.get("htu")) == (LIFETIME_FILE_MAX, None)
            if step == 0:
                steps = len(here.host.steps.done)
            for file in outbox.iterdir():
                file.unlink()
            step += 1
        assert step > 20


def seen(outbox: Path, name: str) -> dict[str, bytes]:
    """The message as the bank reads it; raises when it is not whole."""
    raw = from_files(name, {file.name: file.read_bytes() for file in outbox.glob(f"{name}.*")})
    return {each: content.data for each, content in raw.contents.items()}
