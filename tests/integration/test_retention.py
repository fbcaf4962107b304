"""What has been kept long enough goes: signed orders for old cases, audit rows of a node and of a connector."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from support.auditor import books
from support.erasing import burglar, ordered
from support.region import TARGET, World, key_of, region
from support.stages import ACCEPTING, SOURCE, Stage, stage

from gateway.client.audit_terms import counted, forget
from gateway.client.orders import Operator
from gateway.client.receipts import Judge
from gateway.client.retiring import retire
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpAnswer, HttpsChannel
from gateway.federation.framing import RawMessage
from gateway.federation.message import Content, RawContent
from gateway.model.transfer import State
from gateway.storage.connector_schema import open_connector
from gateway.transfers import retention
from gateway.transfers.retention import due, forget_audit, months_before

YEARS = 3


class Direct(HttpsChannel):
    """Hands a bank's message to the gateway in this process; after so many nobody answers."""

    world: World
    left = 100

    async def post(self, url: str, token: str, contents: Sequence[Content]) -> HttpAnswer:
        if not self.left:
            raise PeerUnavailableError("peer.unavailable", "不通", "nobody answers")
        self.left -= 1
        raw = RawMessage(token, {each.name: RawContent(each.name, each.data, each.media_type, each.secret) for each in contents})
        assert url == TARGET.url
        reply = await self.world.gateway.receiver.receive(raw, TARGET)
        return HttpAnswer(reply.status, reply.body, reply.repeated)


def operator(world: World, session: aiohttp.ClientSession, member: str, left: int = 100) -> Operator:
    channel = Direct(session, 1.0)
    channel.world, channel.left = world, left
    return Operator(member, key_of(member), TARGET.url.removesuffix("/v1/messages"), Judge(world.trust), channel, world.clock, world.ids)


def may(world: World, found: retention.Due, member: str) -> list[str]:
    assert world.trust
    return [case.transfer for case in found.cases if not case.skip and case.facing == member]


async def cases(world: World) -> tuple[Stage, Stage, Stage, Stage]:
    """Two that may go, one under a legal hold, one that was left open."""
    first, held = await stage(world, State.SETTLED), await stage(world, State.SETTLED)
    opened, second = await stage(world, State.REVIEWING), await stage(world, State.REJECTED)
    assert (await ordered(world, "legal-hold", held.transfer, by=ACCEPTING, reason="court_order", until="2030-01-31")).status == 200
    return first, held, opened, second


async def test_cases_when_their_retention_is_over_then_erased_by_signed_orders_and_the_rest_is_passed_over(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found, aiohttp.ClientSession() as session:
        first, held, opened, second = await cases(world)
        database, now = world.gateway.database, world.clock.now()
        over = months_before(now, -12 * YEARS)
        assert (await due(database, over, 6, YEARS)).cases == (), "to the day, and not yet"
        over += timedelta(minutes=1)
        world.clock.advance(days=31)  # the gateway's own rule; three years of one trust file would be too long
        listed = await due(database, over, 6, YEARS)
        assert {(case.transfer, case.skip, case.until) for case in listed.cases} == {
            (first.transfer, "", ""), (second.transfer, "", ""), (held.transfer, "held", "2030-01-31"), (opened.transfer, "open", ""),
        }  # fmt: skip
        one = await due(database, over, 6, YEARS, most=1)
        assert (sum(not case.skip for case in one.cases), one.more, listed.more) == (1, True, False)
        told: list[int] = []
        lines = await retire([held.transfer, opened.transfer, *may(world, listed, SOURCE)], operator(world, session, SOURCE), told.append)
        assert [(line["code"], (line["possible_from"] or "")[:10]) for line in lines] == [
            ("erase.legal_hold", "2030-01-31"), ("erase.open_case", ""), ("", ""), ("", ""),
        ]  # fmt: skip
        assert told == [1, 2, 3, 4]
        leaves = [leaf for leaf in found.leaves() if leaf.type == "erasure.done"]
        assert [leaf.facts["reason"] for leaf in leaves] == ["retention_ended"] * 2
        assert [line["leaf"] for line in lines[2:]] == [index for index, leaf in enumerate(found.leaves()) if leaf in leaves]
        assert burglar(world).finds((*first.records, *held.records)) == list(held.records)
        again = await due(database, over, 6, YEARS)
        assert {case.transfer for case in again.cases} == {held.transfer, opened.transfer}
        assert may(world, await due(database, over.replace(year=2030, month=2), 6, YEARS), SOURCE) == [held.transfer]


async def test_orders_when_the_run_is_cut_off_then_the_next_run_goes_on_and_nothing_is_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.client.orders.PAUSE_S", 0.0)
    monkeypatch.setattr("gateway.transfers.retention.AT_ONCE", 1)
    async with region(tmp_path) as world, books(world) as found, aiohttp.ClientSession() as session:
        made = [await stage(world, State.WITHDRAWN) for _ in range(3)]
        database, over = world.gateway.database, world.clock.now() + timedelta(days=366 * YEARS)
        listed = may(world, await due(database, over, 6, YEARS), SOURCE)
        assert listed == sorted(each.transfer for each in made)
        lines = await retire(listed, operator(world, session, SOURCE, left=1), lambda _done: None)
        assert [line["code"] for line in lines] == ["", "peer.unavailable"]
        left = may(world, await due(database, over, 6, YEARS), SOURCE)
        assert left == listed[1:]
        lines = await retire(left, operator(world, session, SOURCE), lambda _done: None)
        assert [line["status"] for line in lines] == [200, 200]
        assert [leaf.type for leaf in found.leaves()].count("erasure.done") == 3


async def test_audit_rows_when_past_their_term_then_deleted_in_batches_and_later_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.transfers.retention.AT_ONCE", 2)
    monkeypatch.setattr("gateway.client.audit_terms.AT_ONCE", 2)
    days = [f"2026-0{month}-01T00:00:00.000000Z" for month in (1, 2, 3, 5, 6)]
    add = (
        "INSERT INTO person_act (merge, at, person, roles, member, act, object, outcome, reason, times) "
        "VALUES (?1, ?1, '', '', '', '', '', '', '', 1)"
    )
    async with region(tmp_path) as world:
        with closing(sqlite3.connect(tmp_path / "data" / "gateway.db")) as connection, connection:
            connection.executemany(add, [(day,) for day in days])
        told: list[tuple[int, int]] = []
        assert await forget_audit(world.gateway.database, days[3], lambda done, of: told.append((done, of))) == 3
        assert told == [(2, 3), (3, 3)]
        left = await world.gateway.database.fetch("person_acts_before", before="9")
        assert left == [(2,)]
    bank = await open_connector(tmp_path / "bank.db")
    try:
        with closing(sqlite3.connect(tmp_path / "bank.db")) as connection, connection:
            connection.executemany(add, [(day,) for day in days])
            looked = "INSERT INTO learner_view (at, person, transfer, page) VALUES (?, 'p', 't', 'case')"
            connection.executemany(looked, [(day,) for day in days])
        told = []
        assert await forget(bank, days[3], lambda done, of: told.append((done, of))) == (3, 3)
        assert told == [(2, 6), (3, 6), (5, 6), (6, 6)]
        assert await counted(bank, "9") == (2, 2)
    finally:
        await bank.close()
