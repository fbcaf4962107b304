"""A bank that speaks in files, over a real SFTP server: the journey both ways, death at every step of its disk, replays, halves.

docs/transports.md, TR-41 to TR-48.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from support.connectors import KilledError, Mortal
from support.file_bank import BANK, FileSide, MortalFolder, file_side
from support.region import key_of

from gateway.client.connector import PATIENCE
from gateway.client.file_exchange import PREFIX
from gateway.client.store import Outgoing
from gateway.federation.envelope import seal
from gateway.federation.framing import to_files
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_FILE_MAX
from gateway.model.documents import Withdrawal
from gateway.storage.database import Database

PUSHED = ["transfer.requested", "transfer.delivered", "transfer.decided", "transfer.posted", "transfer.posted", "transfer.settled"]
PULLED = [PUSHED[0], "transfer.confirmed", *PUSHED[1:]]
OTHER = "CN-32"


async def stands(here: FileSide, transfer: str, state: str) -> bool:
    return await here.banks.state(transfer) == state


async def settled(here: FileSide, transfer: str) -> bool:
    return await here.banks.state(transfer) == "settled" and await here.quiet()


@pytest.mark.parametrize(("source", "accepting"), [(BANK, OTHER), (OTHER, BANK)])
@pytest.mark.parametrize("pulled", [False, True])
@pytest.mark.parametrize("replay", [False, True])
async def test_case_when_a_bank_speaks_in_files_then_settles_with_each_act_once(
    tmp_path: Path, source: str, accepting: str, pulled: bool, replay: bool
) -> None:
    async with file_side(tmp_path) as here:
        here.replay = replay
        await here.connect()
        await here.banks.connect(OTHER)
        opened = await here.banks.open(source, accepting, pulled=pulled)
        await here.work(OTHER, until=lambda: settled(here, opened.scope))
        assert await here.banks.steps(opened.scope) == (PULLED if pulled else PUSHED)
        assert not await here.banks.connectors[BANK].store.refused()


async def died(here: FileSide, step: int, *, after: bool) -> MortalFolder:
    """The connector is started, looks once, and dies at a step of its disk if it gets that far; then it is started again."""
    disk = MortalFolder(here.host.exchange, step, after=after)
    connector = await here.connect(disk)
    with suppress(KilledError):
        await connector.look()
    await here.connect()
    return disk


async def looks(here: FileSide) -> None:
    """Rounds enough for anything that was begun to be ended."""
    connector = here.banks.connectors[BANK]
    for _ in range(2):
        await connector.look()
        await here.gateway_looks()
        here.world.clock.advance(minutes=2)
    await connector.look()


@pytest.mark.parametrize("after", [False, True], ids=["before_or_half_done", "done"])
async def test_message_when_killed_at_each_step_of_laying_it_then_it_is_laid_once_and_answered_once(tmp_path: Path, after: bool) -> None:
    async with file_side(tmp_path) as here:
        await here.connect()
        step, steps = 0, 1
        while step < steps:
            size = here.world.gateway.ledger.size
            opened = await here.banks.open(BANK, OTHER, number=step)
            disk = await died(here, step, after=after)
            steps = max(steps, len(disk.steps))
            await looks(here)
            row = await here.banks.connectors[BANK].store.message(opened.jti)
            assert row is not None
            assert (row.state, here.left()) == ("done", []), f"step {step}"
            assert here.world.gateway.ledger.size == size + 1, f"step {step}"
            step += 1
            steps = max(steps, 14)
        assert step == 14  # five contents, secrets, envelope: each written and renamed


@pytest.mark.parametrize("after", [False, True], ids=["not_done", "done"])
async def test_answer_when_killed_at_each_step_of_clearing_it_away_then_written_down_once(tmp_path: Path, after: bool) -> None:
    async with file_side(tmp_path) as here:
        await here.connect()
        for step in range(8):  # seven files and the receipt
            opened = await here.banks.open(BANK, OTHER, number=step)
            await here.banks.connectors[BANK].look()
            await here.gateway_looks()
            disk = await died(here, step, after=after)
            assert len(disk.steps) == step + 1
            first = await here.banks.connectors[BANK].store.message(opened.jti)
            await looks(here)
            row = await here.banks.connectors[BANK].store.message(opened.jti)
            assert row is not None
            assert (row, row.state, here.left()) == (first, "done", [])
            assert row.attempts == 2  # laid, answered
            assert await here.banks.steps(opened.scope) == ["transfer.requested"]


@pytest.mark.parametrize("after", [False, True], ids=["not_done", "done"])
async def test_message_of_the_gateway_when_killed_at_each_step_of_taking_it_then_kept_once(tmp_path: Path, after: bool) -> None:
    async with file_side(tmp_path) as here:
        await here.banks.connect(OTHER)
        step, steps = 0, 1
        while step < steps:
            opened = await here.banks.open(OTHER, BANK, number=step)
            await here.banks.work(OTHER, until=lambda opened=opened: stands(here, opened.scope, "delivering"))
            await here.gateway_looks()
            disk = await died(here, step, after=after)
            steps = max(steps, len(disk.steps) + (len(here.left()) if step == 0 else 0))
            await looks(here)
            inbox = [row for row in await here.banks.connectors[BANK].store.inbox() if row.scope == opened.scope]
            assert [(row.act, row.state) for row in inbox] == [("forward", "kept")], f"step {step}"
            assert here.left() == []
            step += 1
        assert step > 8


async def test_connector_when_killed_after_every_commit_then_takes_up_where_it_was(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        await here.banks.connect(OTHER)
        await here.connect()
        opened = await here.banks.open(BANK, OTHER)

        def mortal(database: Database) -> Database:
            return Mortal(database, death=1, after=True)

        deaths = 0
        while not await settled(here, opened.scope):
            await here.connect(wrap=mortal)
            try:
                await here.work(OTHER, until=lambda: settled(here, opened.scope))
            except* KilledError:
                deaths += 1
        assert deaths >= 4
        assert await here.banks.steps(opened.scope) == PUSHED


async def laid(here: FileSide, number: int = 0, **changes: Any) -> Outgoing:
    """A request of Anhui's that lies in its folder."""
    opened = await here.banks.open(BANK, OTHER, number=number, **changes)
    await here.banks.connectors[BANK].look()
    return opened


async def row_of(here: FileSide, jti: str) -> Any:
    row = await here.banks.connectors[BANK].store.message(jti)
    assert row is not None
    return row


async def test_message_when_the_gateway_is_away_past_its_time_then_signed_again_and_taken(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        await here.connect()
        opened = await laid(here)
        here.world.clock.advance(days=8)
        await here.banks.connectors[BANK].look()
        await here.gateway_looks()
        await here.banks.connectors[BANK].look()
        assert (await row_of(here, opened.jti)).last_error == "trust.stale"
        here.world.clock.advance(minutes=10)
        await looks(here)
        assert ((await row_of(here, opened.jti)).state, here.left()) == ("done", [])
        assert await here.banks.steps(opened.scope) == ["transfer.requested"]


async def test_files_when_somebody_takes_them_away_then_laid_again_under_the_same_name(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        await here.connect()
        opened = await laid(here)
        first = here.left()
        for name in first:
            (here.host.exchange / name).unlink()
        await here.banks.connectors[BANK].look()
        assert here.left() == []
        here.world.clock.advance(hours=2)
        await here.banks.connectors[BANK].look()
        assert here.left() == first
        assert f"to-gateway/{PREFIX}{opened.jti}.jws" in first
        await looks(here)
        assert ((await row_of(here, opened.jti)).state, here.left()) == ("done", [])


async def test_answer_when_asked_for_again_then_the_repeat_is_stored_like_the_first(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        connector = await here.connect()
        opened = await laid(here)
        await looks(here)
        first = await row_of(here, opened.jti)
        await connector.resend(opened.jti)
        await looks(here)
        again = await row_of(here, opened.jti)
        assert (again.state, again.answer, again.receipt, here.left()) == ("done", first.answer, first.receipt, [])
        assert again.attempts > first.attempts
        assert await here.banks.steps(opened.scope) == ["transfer.requested"]


async def test_answer_when_refused_then_the_signed_no_is_written_down_and_cleared_away(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        connector = await here.connect()
        opened = await laid(here)
        await looks(here)
        withdrawn = [await connector.withdraw(opened.scope, Withdrawal("learner_request", "学习者要求")) for _ in range(2)]
        for _ in range(2):
            await looks(here)
        states = [((await row_of(here, each.jti)).state, (await row_of(here, each.jti)).last_error) for each in withdrawn]
        assert states == [("done", ""), ("refused", "transfer.wrong_state")]
        assert here.left() == []


@pytest.mark.parametrize("forged", [b'{"v":1,"act":"request"}', b"no JSON", b'{"state":"delivering","receipt":{"leaf":"AA"}}'])
async def test_answer_when_forged_then_set_aside_with_an_alarm_and_nothing_believed(tmp_path: Path, forged: bytes) -> None:
    async with file_side(tmp_path) as here:
        connector = await here.connect()
        opened = await laid(here)
        await here.gateway_looks()
        (here.host.exchange / "to-gateway/done" / f"{PREFIX}{opened.jti}.receipt").write_bytes(forged)
        await connector.look()
        row = await row_of(here, opened.jti)
        assert (row.state, row.last_error, row.answer) == ("alarm", "peer.unproven", None)
        case = await connector.store.case(opened.scope)
        assert case is not None
        assert case.state == "submitted"


def for_the_bank(here: FileSide, *, key: Any = None) -> tuple[str, dict[str, bytes]]:
    """A message as the gateway would lay it: the files, by suffix."""
    ids, now = here.world.ids, here.world.clock.now()
    contents, jti = [Content("notice", b"{}", "application/json", ids.secret())], ids.jti()
    token = seal(
        key=key or key_of(GATEWAY_ID), iss=GATEWAY_ID, aud=BANK, jti=jti, iat=now, exp=now + LIFETIME_FILE_MAX, act="notify",
        contents=contents, scp="0" * 64,
    )  # fmt: skip
    return f"ceg-{jti}", {file.partition(".")[2]: data for file, data in to_files(f"ceg-{jti}", token, contents)}


async def test_message_of_the_gateway_when_halves_lie_there_then_nothing_is_touched_and_told_once(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        connector = await here.connect()
        await connector.look()
        name, files = for_the_bank(here)
        folder = here.host.exchange / "from-gateway"
        for suffix, data in files.items():
            (folder / f"{name}.{suffix}").write_bytes(data)
        whole = (folder / f"{name}.jws").read_bytes()
        with capture_logs() as logs:
            for broken in (whole[:-1], whole[:40], b""):
                (folder / f"{name}.jws").write_bytes(broken)
                await connector.look()
            held = (folder / f"{name}.notice").read_bytes()
            (folder / f"{name}.jws").write_bytes(whole)
            (folder / f"{name}.notice").unlink()
            await connector.look()
            here.world.clock.advance(seconds=PATIENCE.total_seconds() + 1)
            await connector.look()
            await connector.look()
            assert [(line["event"], line["file"]) for line in logs] == [("files_incomplete", name)]
            assert len(here.left()) == len(files) - 1
            (folder / f"{name}.notice").write_bytes(held)
            await connector.look()
        assert here.left() == []
        assert [(row.act, row.state) for row in await connector.store.inbox()] == [("notify", "kept")]


async def test_message_of_the_gateway_when_not_believed_then_put_aside_with_the_reason(tmp_path: Path) -> None:
    async with file_side(tmp_path) as here:
        connector = await here.connect()
        await connector.look()
        folder = here.host.exchange / "from-gateway"
        name, files = for_the_bank(here, key=key_of("CN-31"))
        for suffix, data in files.items():
            (folder / f"{name}.{suffix}").write_bytes(data)
        elsewhere, whole = tmp_path / "elsewhere", for_the_bank(here)
        elsewhere.mkdir()
        for suffix, data in whole[1].items():  # a message that would be believed, if links were followed
            (elsewhere / suffix).write_bytes(data)
            (folder / f"{whole[0]}.{suffix}").symlink_to(elsewhere / suffix)
        (folder / "身份证 110105.xlsx").write_bytes(b"x")
        await connector.look()
        assert not await connector.store.inbox()
        problem = (folder / "refused" / f"{name}.problem").read_text("utf-8")
        assert '"code":"trust.unknown_key"' in problem
        assert {path.name.partition(".")[2] for path in (folder / "refused").iterdir()} == {*files, "problem"}
        left = sorted(path.name for path in folder.iterdir() if not path.is_dir())
        assert left == [*sorted(f"{whole[0]}.{suffix}" for suffix in whole[1]), "身份证 110105.xlsx"]


async def test_temporary_file_when_a_link_stands_in_its_place_then_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    async with file_side(tmp_path) as here:
        connector = await here.connect()
        await connector.look()
        opened = await here.banks.open(BANK, OTHER)
        (here.host.exchange / "to-gateway" / f".{PREFIX}{opened.jti}.request.tmp").symlink_to(victim)
        await looks(here)
        assert ((await row_of(here, opened.jti)).state, victim.read_bytes()) == ("done", b"mine")
