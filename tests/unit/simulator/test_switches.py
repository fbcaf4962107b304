"""Each fault of the sandbox, on the wrapper itself: what arrives, what comes back, and the bank of files' server."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.region import ManualClock

from gateway.errors import PeerError, PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer
from gateway.federation.channels.sftp import SftpChannel, SftpFolders, SftpKeys, SftpPlace
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, HttpTarget, RawContent
from gateway.simulator.sftp_host import SftpHost, sftp_host
from gateway.simulator.switches import Board, SkewedClock, altered_bytes, altered_text
from gateway.web.pages.sandbox_door import OFF, Switches

MEMBER = "CN-34"
TOKEN = "aGVhZA.Ym9keQ.c2lnbmF0dXJl"
PART = Content("part", b"<xml>85</xml>", "application/xml", b"s" * 32)


class Gateway:
    """Whoever listens: it keeps what arrives."""

    def __init__(self) -> None:
        self.came: list[tuple[str, Sequence[Content]]] = []

    async def post(self, _url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        self.came.append((token, contents))
        if len(self.came) > 1:
            raise PeerError("peer.refused", "重复", "a repeat nobody waits for")
        return HttpAnswer(200, b"first", repeated=False)


def line(switches: Switches) -> tuple[Gateway, Board]:
    board = Board()
    board.turn(MEMBER, switches)
    return Gateway(), board


async def heard(switches: Switches, contents: Sequence[Content] = (PART,)) -> tuple[bytes | None, list[tuple[str, Sequence[Content]]]]:
    """What the bank hears of one post, and what arrived."""
    there, board = line(switches)
    try:
        answer = await board.wire(MEMBER).posting(there.post)("http://x/v1/messages", TOKEN, contents)
    except PeerUnavailableError:
        return None, there.came
    return answer.body, there.came


async def test_line_when_nothing_is_switched_then_the_message_itself_and_the_answer_itself() -> None:
    assert await heard(OFF) == (b"first", [(TOKEN, (PART,))])


async def test_line_when_the_bank_is_away_then_nothing_arrives_either_way_however_often_it_is_tried() -> None:
    there, board = line(Switches(down=True))
    post = board.wire(MEMBER).posting(there.post)
    for _ in range(3):
        with pytest.raises(PeerUnavailableError):
            await post("http://x", TOKEN, ())
    taken: list[RawMessage] = []

    async def take(raw: RawMessage, _target: HttpTarget | None) -> None:
        taken.append(raw)

    with pytest.raises(PeerUnavailableError):
        await board.wire(MEMBER).taking(take)(RawMessage(TOKEN, {}), None)
    assert (there.came, taken) == ([], [])


async def test_line_when_requests_are_dropped_then_the_first_does_not_arrive_and_the_second_does() -> None:
    there, board = line(Switches(drop=True))
    post = board.wire(MEMBER).posting(there.post)
    with pytest.raises(PeerUnavailableError):
        await post("http://x", TOKEN, ())
    assert there.came == []
    assert (await post("http://x", TOKEN, ())).body == b"first"


async def test_line_when_answers_are_lost_then_it_was_done_and_nobody_hears() -> None:
    assert await heard(Switches(lose_answer=True)) == (None, [(TOKEN, (PART,))])


async def test_line_when_messages_are_doubled_then_both_arrive_and_the_first_answer_counts() -> None:
    assert await heard(Switches(duplicate=True)) == (b"first", [(TOKEN, (PART,))] * 2)


async def test_line_when_a_byte_is_changed_then_exactly_one_of_the_content_or_of_a_bare_token() -> None:
    _, ((token, (part,)),) = await heard(Switches(tamper=True))
    assert token == TOKEN
    assert sum(one != other for one, other in zip(part.data, PART.data, strict=True)) == 1
    _, ((bare, contents),) = await heard(Switches(tamper=True), ())
    assert contents == ()
    assert sum(one != other for one, other in zip(bare, TOKEN, strict=True)) == 1
    taken: list[RawMessage] = []

    async def take(raw: RawMessage, _target: HttpTarget | None) -> None:
        taken.append(raw)

    _, board = line(Switches(tamper=True))
    raw = RawContent(PART.name, PART.data, PART.media_type, PART.secret)
    await board.wire(MEMBER).taking(take)(RawMessage(TOKEN, {"part": raw}), None)
    await board.wire(MEMBER).taking(take)(RawMessage(TOKEN, {}), None)
    assert (taken[0].token, taken[0].contents["part"].data) == (TOKEN, altered_bytes(PART.data))
    assert (taken[1].token, altered_text(altered_text(TOKEN)) != TOKEN) == (bare, True)


async def test_line_when_slow_then_only_that_late(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("gateway.simulator.switches.asyncio.sleep", sleep)
    assert (await heard(Switches(delay_ms=3000)), waited) == ((b"first", [(TOKEN, (PART,))]), [3.0])


async def test_clock_when_skewed_then_that_banks_and_no_other() -> None:
    _, board = line(Switches(skew_s=-400))
    now = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    clock = ManualClock(now)
    assert (now - SkewedClock(clock, board, MEMBER).now()).total_seconds() == 400
    assert SkewedClock(clock, board, "CN-31").now() == now


async def test_switches_when_set_for_a_time_then_off_by_themselves_and_told_once() -> None:
    _, board = line(OFF)
    board.turn(MEMBER, Switches(down=True), 60)
    assert (board.of(MEMBER).down, board.over()) == (True, [])
    board.turn(MEMBER, Switches(down=True), -1)
    assert (board.of(MEMBER), board.over(), board.over()) == (OFF, [MEMBER], [])


# -- the bank that speaks in files --


def reach(host: SftpHost) -> SftpChannel:
    return SftpChannel(SftpPlace.read(host.endpoint), SftpKeys(host.login_key_file, host.known_hosts_file), 5.0)


async def lay(folders: SftpFolders, name: str) -> None:
    """As the gateway lays a message down and puts one of the bank's away."""
    await folders.ensure(("from-gateway", "to-gateway", "to-gateway/done"))
    await folders.put("from-gateway", f"{name}.part", b"<xml>85</xml>")
    await folders.put("from-gateway", f"{name}.jws", b"token\n")


async def test_files_when_the_bank_is_away_then_no_session_does_anything(tmp_path: Path) -> None:
    _, board = line(Switches(down=True))
    async with sftp_host(tmp_path, board.wire(MEMBER)) as host:
        with pytest.raises(PeerUnavailableError):
            async with reach(host).open() as folders:
                await lay(folders, "ceg-1")
        assert list(host.exchange.iterdir()) == []
        board.turn(MEMBER, OFF)
        async with reach(host).open() as folders:
            await lay(folders, "ceg-1")
        assert (host.exchange / "from-gateway" / "ceg-1.jws").read_bytes() == b"token\n"


async def test_files_when_an_answer_is_lost_then_the_message_lies_there_and_the_gateway_hears_of_a_fault(tmp_path: Path) -> None:
    _, board = line(Switches(lose_answer=True))
    async with sftp_host(tmp_path, board.wire(MEMBER)) as host:
        with pytest.raises(PeerUnavailableError):
            async with reach(host).open() as folders:
                await lay(folders, "ceg-1")
        assert (host.exchange / "from-gateway" / "ceg-1.jws").read_bytes() == b"token\n"


async def test_files_when_a_byte_is_changed_then_in_what_is_laid_and_in_what_is_read_but_in_no_receipt(tmp_path: Path) -> None:
    _, board = line(Switches(tamper=True))
    async with sftp_host(tmp_path, board.wire(MEMBER)) as host, reach(host).open() as folders:
        await lay(folders, "ceg-1")
        assert (host.exchange / "from-gateway" / "ceg-1.part").read_bytes() == altered_bytes(b"<xml>85</xml>")
        for name in ("m-1.jws", "m-1.receipt"):
            (host.exchange / "to-gateway" / name).write_bytes(b"as it was\n")
        found = {file.name: await folders.read("to-gateway", file) for file in (await folders.listing("to-gateway"))[0]}
        assert found == {"m-1.jws": altered_bytes(b"as it was\n"), "m-1.receipt": b"as it was\n"}


async def test_files_when_doubled_then_a_message_put_away_lies_there_once_more_and_only_once(tmp_path: Path) -> None:
    _, board = line(Switches(duplicate=True))
    async with sftp_host(tmp_path, board.wire(MEMBER)) as host, reach(host).open() as folders:
        await lay(folders, "ceg-1")
        inbox = host.exchange / "to-gateway"
        for receipt, left in ((b'{"receipt":{}}', ["m-1.jws"]), (b'{"receipt":{"repeated":true}}', [])):
            (inbox / "m-1.jws").write_bytes(b"token\n")
            (inbox / "m-1.receipt").write_bytes(receipt)
            await folders.move("m-1.jws", "to-gateway", "to-gateway/done")
            await folders.move("m-1.receipt", "to-gateway", "to-gateway/done")
            assert [path.name for path in inbox.iterdir() if path.is_file()] == left
