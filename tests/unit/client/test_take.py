"""What a bank's connector takes from whoever posts to it: only the gateway's fresh word, bound to this bank and this address."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.connectors import Region, four_banks
from support.region import key_of, region

from gateway.client.connector import Connector
from gateway.client.store import Outgoing, Store, moment_text
from gateway.crypto.keys import SigningKey
from gateway.errors import TrustError
from gateway.federation.envelope import seal
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, HttpTarget, RawContent

INBOX = HttpTarget("POST", "http://127.0.0.1:9/inbox")
NOTICE = Content("notice", b"{}", "application/json", b"s" * 32)


@pytest.fixture
async def banks(tmp_path: Path) -> AsyncIterator[Region]:
    async with region(tmp_path) as world, four_banks(world) as found:
        await found.connect("CN-31")
        yield found


def message(
    banks: Region,
    *,
    key: SigningKey | None = None,
    iss: str = "CN-YRD",
    aud: str = "CN-31",
    jti: str = "A" * 22,
    content: Content = NOTICE,
    target: HttpTarget = INBOX,
    ago: timedelta = timedelta(0),
    irt: str | None = None,
) -> RawMessage:
    at = banks.world.clock.now() - ago
    token = seal(
        key=key or key_of(iss), iss=iss, aud=aud, jti=jti, iat=at, exp=at + timedelta(minutes=5), act="notify", contents=[content],
        scp="0" * 64, irt=irt, http=target,
    )  # fmt: skip
    return RawMessage(token, {content.name: RawContent(content.name, content.data, content.media_type, content.secret)})


def connector(banks: Region) -> Connector:
    return banks.connectors["CN-31"]


async def test_message_when_the_gateways_then_kept_once_however_often_it_comes(banks: Region) -> None:
    for _ in range(3):
        await connector(banks).take(message(banks), INBOX)
    assert [row.jti for row in await connector(banks).store.kept(9)] == ["A" * 22]


async def test_message_when_signed_anew_for_another_poll_then_the_same_message(banks: Region) -> None:
    first, second = "B" * 21 + "A", "C" * 21 + "A"
    await connector(banks).take(message(banks, irt=first), INBOX, irt=first)
    banks.world.clock.advance(seconds=30)
    await connector(banks).take(message(banks, irt=second), INBOX, irt=second)
    assert len(await connector(banks).store.kept(9)) == 1


async def test_message_when_id_is_reused_for_other_contents_then_refused(banks: Region) -> None:
    await connector(banks).take(message(banks), INBOX)
    with pytest.raises(TrustError, match=r"trust\.replay_conflict"):
        await connector(banks).take(message(banks, content=replace(NOTICE, data=b"[]")), INBOX)


async def test_message_when_another_banks_then_refused(banks: Region) -> None:
    with pytest.raises(TrustError, match=r"trust\.not_the_gateway"):
        await connector(banks).take(message(banks, iss="CN-32"), INBOX)


async def test_message_when_signed_with_another_key_then_refused(banks: Region) -> None:
    with pytest.raises(TrustError, match=r"trust\.unknown_key"):
        await connector(banks).take(message(banks, key=key_of("CN-32")), INBOX)


async def test_message_when_for_another_bank_then_refused(banks: Region) -> None:
    with pytest.raises(TrustError, match=r"trust\.wrong_audience"):
        await connector(banks).take(message(banks, aud="CN-32"), INBOX)


async def test_message_when_bound_to_another_address_then_refused(banks: Region) -> None:
    with pytest.raises(TrustError, match=r"trust\.wrong_target"):
        await connector(banks).take(message(banks, target=HttpTarget("POST", "http://127.0.0.1:9/other")), INBOX)


async def test_message_when_stale_then_refused(banks: Region) -> None:
    with pytest.raises(TrustError, match=r"trust\.stale"):
        await connector(banks).take(message(banks, ago=timedelta(minutes=6)), INBOX)


async def test_message_when_it_answers_another_poll_then_refused(banks: Region) -> None:
    with pytest.raises(TrustError, match=r"trust\.wrong_target"):
        await connector(banks).take(message(banks, irt="B" * 21 + "A"), INBOX, irt="C" * 21 + "A")


async def test_message_when_content_was_altered_then_refused(banks: Region) -> None:
    raw = message(banks)
    altered = RawMessage(raw.token, {"notice": replace(raw.contents["notice"], data=b"[]")})
    with pytest.raises(TrustError, match=r"trust\.digest_mismatch"):
        await connector(banks).take(altered, INBOX)


async def test_message_when_it_does_not_hold_then_set_aside_and_never_answered(banks: Region) -> None:
    await connector(banks).take(message(banks), INBOX)
    await banks.work("CN-31", until=lambda: refused(banks))
    row = (await connector(banks).store.refused())[0]
    assert (row.state, row.error) == ("refused", "peer.off_protocol")
    assert not await connector(banks).store.messages()


async def test_gateway_when_heard_again_then_what_could_not_reach_it_is_due_at_once(banks: Region) -> None:
    store = connector(banks).store
    now = moment_text(banks.world.clock.now())
    await store.commit(Store.send(Outgoing("D" * 21 + "A", "noted", "1" * 64), now))
    waiting = (await store.due(now, 1))[0]
    await store.commit([Store.tried(waiting, "2999-01-01T00:00:00.000000Z", "peer.unavailable")])
    assert not await store.due(now, 1)
    await connector(banks).take(message(banks), INBOX)
    assert [row.jti for row in await store.due(now, 1)] == [waiting.jti]


async def refused(banks: Region) -> bool:
    return bool(await connector(banks).store.refused())
