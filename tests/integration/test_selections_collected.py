"""The presiding unit's connector collects what was released for it: asks its people or signs, resumes after any death, doubles nothing."""

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from support.connectors import KilledError, Mortal, case_tools
from support.operators import Region, operating
from support.region import ManualClock, key_of, tools

from gateway.client.office import Office, Setup
from gateway.client.reading import ReadingApi
from gateway.client.selection_book import ASKED, OVER, SIGNED, STALE, STOPPED, Here, SelectionBook
from gateway.client.selection_desk import Policy, SelectionDesk
from gateway.client.store import Store
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer, HttpsChannel
from gateway.federation.channels.reading import ReadingChannel
from gateway.federation.message import Content
from gateway.model.canonical import jcs
from gateway.simulator.banks import SimulatedBank
from gateway.storage.connector_schema import open_connector
from gateway.storage.database import Database
from gateway.system import SystemClock, SystemIds
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.selection_progress import VALID, collect, released_for
from gateway.transfers.selections import STALE as OUTDATED

UNIT, OTHER = "CN-33", "CN-34"
PERSON = "operator-33"
MINUTE = timedelta(minutes=1)


class Post(HttpsChannel):
    """The connector's way out.  It dies at its `death`-th message, before or after the gateway has it; or nobody answers."""

    death = 0
    after = False
    away = False
    posts = 0

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        self.posts += 1
        if self.away:
            raise PeerUnavailableError("peer.unavailable", "不通", "nobody answers")
        if self.posts == self.death and not self.after:
            raise KilledError
        answer = await super().post(url, token, contents)
        if self.posts == self.death:
            raise KilledError
        return answer


@dataclass
class Collecting:
    """A region with a stuck node, and the connectors' databases by member."""

    region: Region
    session: aiohttp.ClientSession
    folder: Path
    databases: dict[str, Database] = field(default_factory=dict)

    async def start(
        self, policy: Policy = Policy.ASK, member: str = UNIT, post: Post | None = None, death: int = 0, *, after: bool = False
    ) -> SelectionDesk:
        """Start, or start again, on the member's own file."""
        if member in self.databases:
            await self.databases[member].close()
        database: Database = await open_connector(self.folder / f"{member}.db")
        self.databases[member] = database = Mortal(database, death, after) if death else database
        clock, ids, url = SystemClock(), SystemIds(), self.region.member_api
        bank = SimulatedBank(member, tools().regions["zhejiang"], clock)
        trust = self.region.gateway.registry.trust
        setup = Setup(member, key_of(member), trust, url, True, case_tools(), clock, ids, random.Random(1))
        channel = post or Post(self.session, 5.0)
        api = ReadingApi(ReadingChannel(self.session, 5.0), url, member, setup.key, clock, ids)
        return SelectionDesk(Office(setup, bank, Store(database), channel.post), api, channel, SelectionBook(database, clock), policy)

    async def released(self, listed: str = "/dead-letters/list", **form: str) -> tuple[str, str]:
        """A centre operator freezes and releases; token and page."""
        centre = await self.region.browser("centre")
        status, to = await centre.freeze(listed, **({"kind": "letter", "action": "retry"} | form))
        assert status == 303
        assert (await centre.post(f"{to}/release"))[0] == 303
        return to.rpartition("/")[2], to

    async def orders(self) -> list[tuple[str, str, str]]:
        """Who ordered what about which message or case, as the log has it."""
        gateway = self.region.gateway
        size, _ = await gateway.ledger.head()
        leaves = [parse_leaf(raw) for raw in await gateway.parts.reading.entries(0, size)]
        found = [leaf for leaf in leaves if leaf.type in {"operator.retried", "operator.cancelled"}]
        return [(leaf.iss, leaf.type, str(leaf.facts.get("message", "")) or leaf.scope) for leaf in found]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Collecting]:
    async with AsyncExitStack() as stack:
        region = await stack.enter_async_context(operating(tmp_path / "gateway"))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        made = Collecting(region, session, tmp_path)
        yield made
        for database in made.databases.values():
            await database.close()


async def only(desk: SelectionDesk) -> Here:
    (found,) = await desk.book.rows()
    return found


async def test_selection_when_released_then_kept_for_the_people_and_signed_only_after_their_word(here: Collecting) -> None:
    token, page = await here.released()
    centre = await here.region.browser("centre")
    assert (await centre.freeze("/stuck/list", kind="held", action="retry"))[0] == 303, "frozen, and not released"
    desk, stranger = await here.start(), await here.start(Policy.SIGN, OTHER)
    assert (await desk.api.selections(), await stranger.api.selections()) == ([token], [])
    kept = here.region.gateway.parts.centre.selections
    for past, listed in ((-MINUTE, [token]), (MINUTE, [])):
        then = replace(kept, clock=ManualClock(SystemClock().now() + VALID + past))
        assert [each["selection"] for each in (await released_for(then, UNIT))["selections"]] == listed, "it does not hold for ever"
        assert (await collect(then, UNIT, token) == OUTDATED) is not bool(listed)
    await desk.look()
    await stranger.look()
    found = await only(desk)
    assert (found.token, found.act, found.state, found.reason) == (token, "retry", ASKED, "对方已恢复")
    assert {entry.id for entry in found.entries} == {here.region.node.letter, here.region.node.decided}
    assert (await stranger.book.rows(), await here.orders()) == ([], []), "nobody else hears of it, and looking signs nothing"
    assert not await desk.book.sign(token, "0" * 64, PERSON), "another digest than the one that was shown"
    assert await desk.book.sign(token, found.digest, PERSON)
    assert (desk.book.bell.is_set(), await desk.book.sign(token, found.digest, PERSON)) == (True, False)
    assert (await centre.post(f"{page}/pause"))[0] == 303
    await desk.look()
    assert ((await only(desk)).state, await here.orders()) == (SIGNED, [])
    assert (await centre.post(f"{page}/go-on"))[0] == 303
    await desk.look()
    found = await only(desk)
    assert (found.state, found.code, found.signed_by) == (OVER, "", PERSON)
    assert sorted(await here.orders()) == sorted((UNIT, "operator.retried", entry.id) for entry in found.entries)
    await desk.look()
    assert len(await here.orders()) == 2


async def test_selection_when_the_bank_lets_it_sign_then_signed_and_every_death_on_the_way_doubles_nothing(here: Collecting) -> None:
    places = [(0, 1), (0, 2), (1, 0), (2, 0)]  # the commit or the message it dies at
    for rounds, ((commit, message), after) in enumerate(product(places, (False, True))):
        token, _ = await here.released()
        post = Post(here.session, 5.0)
        post.death, post.after = message, after
        with pytest.raises(KilledError):
            await (await here.start(Policy.SIGN, post=post, death=commit, after=after)).look()
        desk = await here.start(Policy.SIGN)
        await desk.look()
        found = await desk.book.known(token)
        assert found is not None
        assert (found.state, found.signed_by, len(await here.orders())) == (OVER, "", 2 * (rounds + 1)), (commit, message, after)


async def test_selection_when_stale_stopped_or_unanswered_then_named_and_the_rest_left_alone(here: Collecting) -> None:
    token, page = await here.released()
    away = Post(here.session, 5.0)
    away.away = True
    desk = await here.start(Policy.SIGN, post=away)
    await desk.look()
    assert (await only(desk)).state == SIGNED
    assert (await only(desk)).code == "peer.unavailable"
    centre = await here.region.browser("centre")
    assert (await centre.post(f"{page}/stop"))[0] == 303
    await desk.look()
    assert ((await only(desk)).state, away.posts) == (STOPPED, 3), "an order is tried three times, and none after the stop"
    # asked for, and stopped before anybody said a word; and one whose contents are not those that were kept
    token, page = await here.released()
    desk = await here.start(Policy.ASK)
    await desk.look()
    assert (await centre.post(f"{page}/stop"))[0] == 303
    await desk.look()
    stopped = await desk.book.known(token)
    assert stopped is not None
    assert stopped.state == STOPPED
    token, _ = await here.released()
    await desk.look()
    kept = await desk.book.known(token)
    assert kept is not None
    assert await desk.book.sign(token, kept.digest, PERSON)

    class Changed:
        """The gateway, telling something else under the same token."""

        async def selections(self) -> list[str]:
            return [token]

        async def selection(self, asked: str) -> dict[str, object]:
            told = await desk.api.selection(asked)
            return {**told, "act": "cancel", "digest": sha256(jcs(["cancel", *(each["id"] for each in told["items"])])).hexdigest()}

    changed = SelectionDesk(desk.office, cast(ReadingApi, Changed()), desk.channel, desk.book, Policy.ASK)
    await changed.look()
    ended = await desk.book.known(token)
    assert ended is not None
    assert (ended.state, ended.code, await here.orders()) == (STALE, "transfer.selection_stale", [])
