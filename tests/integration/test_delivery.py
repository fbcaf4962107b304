"""Delivery: lanes of their own, tries written down, order kept, owed until the signed word, nothing sent that may not be."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from support.auditor import Books, books, shanghai_part
from support.region import World, acknowledgement, region, trust_data
from support.stages import SOURCE

from gateway.federation.envelope import open_envelope
from gateway.federation.multipart import boundary_of, read_parts
from gateway.mapping.documents import write
from gateway.model.documents import Withdrawal
from gateway.storage.rows import OwedRow
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case
from gateway.transfers.courier import UNSENDABLE
from gateway.transfers.dispatch import backoff
from gateway.transfers.view import View, Wants

WAIT_S = 10.0


@dataclass
class Bank:
    """A member's listener: keeps what arrives, answers as told."""

    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    began: int = 0

    async def take(self, request: web.Request) -> web.Response:
        self.began += 1
        await self.gate.wait()
        parts = read_parts(await request.read(), boundary_of(request.headers["Content-Type"]))
        contents = {part.name: part.data for part in parts}
        self.taken.append({"token": request.headers["Credit-Envelope"], "contents": contents, "path": request.path})
        return web.Response(status=self.status)


@dataclass
class Field:
    world: World
    banks: dict[str, Bank]
    found: Books

    def owed(self, lane: str = "CN-32") -> list[OwedRow]:
        return [OwedRow(*row) for row in self.found.rows("SELECT * FROM owed WHERE lane = ? ORDER BY transfer, number", lane)]

    async def until(self, what: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while True:
                if what():
                    return
                await asyncio.sleep(0.005)

    async def case(self, accepting: str = "CN-32") -> str:
        record = f"SHC{self.world.ids.chance.randrange(10**11):011d}"
        source = SOURCE if accepting != SOURCE else "CN-33"
        heard = await self.world.send(self.world.request(source, accepting, (record,), shanghai_part(record)))
        assert heard.status == 202, heard.body
        return str(heard.body["transfer"])

    async def quiet(self) -> None:
        """A few idle rounds of the lanes."""
        await asyncio.sleep(0.15)


@asynccontextmanager
async def field_of(folder: Path) -> AsyncIterator[Field]:
    banks = {"CN-31": Bank(), "CN-32": Bank()}
    for bank in banks.values():
        bank.gate.set()
    runners, endpoints = [], {}
    for member, bank in banks.items():
        app = web.Application()
        app.router.add_post("/credit", bank.take)
        runner = web.AppRunner(app, access_log=None, max_field_size=20 * 1024)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        endpoints[member] = f"http://127.0.0.1:{runner.addresses[0][1]}/credit"
    try:
        async with region(folder, trust_data(endpoints), deliver=True) as world, books(world) as found:
            yield Field(world, banks, found)
    finally:
        for runner in runners:
            await runner.cleanup()


@dataclass(frozen=True)
class OweNotice:
    """One more message for the accepting bank."""

    transfer: str
    jti: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        case = Case.of(view, self.transfer)
        assert case is not None
        case.owe(self.jti, case.row.accepting, "notify", "withdrawn", {})
        return Answer(200, b"{}", b"")


def opened(world: World, taken: dict[str, Any]) -> Any:
    return open_envelope(taken["token"], keys=world.trust.finder(world.clock.now()))


async def test_message_when_it_arrives_then_still_owed_until_the_signed_word(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        transfer = await here.case()
        await here.until(lambda: bool(here.owed()) and here.owed()[0].attempts == 1)
        row = here.owed()[0]
        assert (row.state, row.last_error) == ("ready", "")
        assert len(here.banks["CN-32"].taken) == 1
        await here.quiet()
        assert len(here.banks["CN-32"].taken) == 1  # it has a while to acknowledge
        here.world.clock.advance(seconds=5)
        await here.until(lambda: here.owed()[0].attempts == 2)
        said = await here.world.act("CN-32", "acknowledge", acknowledgement(here.world), scp=transfer, irt=row.jti, posture="account")
        assert said.status == 200, said.body
        assert here.owed()[0].state == "done"
        here.world.clock.advance(hours=1)
        await here.quiet()
        assert len(here.banks["CN-32"].taken) == 2


async def test_message_when_pushed_again_then_same_id_and_contents_and_new_times(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        await here.case()
        await here.until(lambda: bool(here.owed()) and here.owed()[0].attempts == 1)
        here.world.clock.advance(seconds=30)
        await here.until(lambda: here.owed()[0].attempts == 2)
        first, second = (opened(here.world, each) for each in here.banks["CN-32"].taken)
        assert (first.jti, first.claims["con"], first.content_digest) == (second.jti, second.claims["con"], second.content_digest)
        assert first.iat < second.iat
        assert first.exp < second.exp
        assert here.banks["CN-32"].taken[0]["contents"] == here.banks["CN-32"].taken[1]["contents"]
        assert first.claims["htu"].endswith("/credit")
        assert {"case", "local", "part", "identity", "consent"} <= here.banks["CN-32"].taken[0]["contents"].keys()


async def test_lane_when_one_member_hangs_then_the_other_is_served(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].gate.clear()
        await here.case()
        await here.until(lambda: here.banks["CN-32"].began == 1)
        asked = await here.world.send(here.world.request("CN-31", "CN-33", ("SHC77",)))
        assert asked.body["state"] == "confirming"
        await here.until(lambda: len(here.banks["CN-31"].taken) == 1)
        assert here.banks["CN-32"].taken == []
        here.banks["CN-32"].gate.set()


async def test_try_when_it_fails_then_count_time_and_reason_are_stored_and_back_off_grows(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].status = 503
        await here.case()
        waits = []
        for attempt in range(1, 5):
            await here.until(lambda attempt=attempt: bool(here.owed()) and here.owed()[0].attempts == attempt)
            row = here.owed()[0]
            assert (row.state, row.last_error) == ("ready", "peer.unavailable")
            waits.append((datetime.fromisoformat(row.next_at) - here.world.clock.now()).total_seconds())
            await here.quiet()
            assert here.owed()[0].attempts == attempt  # not before its time
            here.world.clock.advance(seconds=waits[-1])
        assert all(min(0.05 * 2**n, 0.2) / 2 <= wait <= min(0.05 * 2**n, 0.2) for n, wait in enumerate(waits)), waits


@pytest.mark.parametrize("status", [400, 401, 404, 302])
async def test_try_when_member_refuses_then_kept_and_tried_again(tmp_path: Path, status: int) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].status = status
        await here.case()
        await here.until(lambda: bool(here.owed()) and here.owed()[0].attempts == 1)
        assert here.owed()[0].last_error == "peer.refused"
        here.banks["CN-32"].status = 200
        here.world.clock.advance(seconds=1)
        await here.until(lambda: here.owed()[0].last_error == "")


async def test_member_when_it_speaks_after_a_failure_then_all_that_failed_goes_at_once(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].status = 503
        cases = [await here.case() for _ in range(20)]
        for _ in range(40):
            here.world.clock.advance(seconds=1)
            if len({row.transfer for row in here.owed() if row.attempts}) == len(cases):
                break
            await asyncio.sleep(0.02)
        here.banks["CN-32"].status = 200
        here.world.gateway.courier.heard_from("CN-32")
        await here.until(lambda: all(row.last_error == "" and row.attempts for row in here.owed()))
        taken = [opened(here.world, each).scp for each in here.banks["CN-32"].taken[-20:]]
        assert set(taken) == set(cases)
        count = len(here.banks["CN-32"].taken)
        here.world.gateway.courier.heard_from("CN-32")
        await here.quiet()
        assert len(here.banks["CN-32"].taken) == count  # what arrived is not pushed again


async def test_member_when_it_speaks_after_a_restart_then_old_back_off_is_void(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].status = 503
        await here.case()
        await here.until(lambda: bool(here.owed()) and here.owed()[0].attempts == 1)
    async with field_of(tmp_path) as here:
        await here.quiet()
        assert here.banks["CN-32"].taken == []
        here.world.gateway.courier.heard_from("CN-32")
        await here.until(lambda: here.owed()[0].attempts == 2)


async def test_lane_when_it_fails_then_probes_with_one_message(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].gate.clear()
        for _ in range(5):
            await here.case()
        await here.until(lambda: here.banks["CN-32"].began == 1)
        await here.quiet()
        assert here.banks["CN-32"].began == 1  # nothing is known of the member yet
        here.banks["CN-32"].gate.set()
        await here.until(lambda: len(here.banks["CN-32"].taken) == 5)


async def test_order_when_two_messages_are_owed_for_one_case_then_one_after_the_other(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-31"].status = 503
        asked = await here.world.send(here.world.request("CN-31", "CN-33", ("SHC88",)))
        await here.until(lambda: bool(here.owed("CN-31")) and here.owed("CN-31")[0].attempts == 1)
        done = await here.world.act("CN-33", "withdraw", [("withdrawal", write(Withdrawal("other", "")))], scp=asked.body["transfer"])
        assert done.body["state"] == "withdrawn"
        here.banks["CN-31"].status = 200
        here.world.clock.advance(seconds=1)
        await here.until(lambda: here.owed("CN-31")[-1].attempts > 0 and here.owed("CN-31")[-1].last_error == "")
        acts = [opened(here.world, each).act for each in here.banks["CN-31"].taken]
        assert acts[-1] == "notify"
        assert acts.count("fetch") == len(acts) - acts[::-1].count("notify")
        assert [row.state for row in here.owed("CN-31")] == ["cancelled", "ready"]


async def test_order_when_the_first_message_is_still_owed_then_the_second_waits_for_its_signed_word(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        transfer = await here.case()
        await here.world.gateway.committer.submit(OweNotice(transfer, here.world.ids.jti()))
        await here.until(lambda: here.owed()[0].attempts == 1)
        here.world.clock.advance(seconds=5)
        await here.until(lambda: here.owed()[0].attempts == 2)
        assert [opened(here.world, each).act for each in here.banks["CN-32"].taken] == ["forward", "forward"]
        first = here.owed()[0].jti
        await here.world.act("CN-32", "acknowledge", acknowledgement(here.world), scp=transfer, irt=first, posture="account")
        await here.until(lambda: here.owed()[1].attempts == 1)
        assert opened(here.world, here.banks["CN-32"].taken[-1]).act == "notify"


async def test_case_when_consent_is_over_then_never_pushed_and_the_lane_goes_on(tmp_path: Path) -> None:
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].status = 503
        await here.case()
        await here.until(lambda: bool(here.owed()) and here.owed()[0].attempts >= 1)
        here.banks["CN-32"].status = 200
        before = len(here.banks["CN-32"].taken)
        here.world.clock.advance(days=61)
        await here.until(lambda: here.owed()[0].last_error == "consent.expired")
        assert len(here.banks["CN-32"].taken) == before
        second = await here.case()
        await here.until(lambda: len(here.banks["CN-32"].taken) == before + 1)
        assert opened(here.world, here.banks["CN-32"].taken[-1]).scp == second


async def test_message_when_it_cannot_be_built_then_the_lane_and_the_process_go_on(tmp_path: Path) -> None:
    """Rows that were damaged on disk, in ways foreseen and not: their messages wait, the next one goes."""
    async with field_of(tmp_path) as here:
        here.banks["CN-32"].gate.clear()
        await here.case()
        await here.until(lambda: here.banks["CN-32"].began == 1)
        broken, lost = await here.case(), await here.case()
        with sqlite3.connect(tmp_path / "data" / "gateway.db", timeout=5) as other:
            other.execute("UPDATE content SET sealed = x'00' WHERE transfer = ?", (broken,))
            other.execute("DELETE FROM transfer WHERE id = ?", (lost,))
        other.close()
        third = await here.case()
        here.banks["CN-32"].gate.set()
        await here.until(lambda: len(here.banks["CN-32"].taken) == 2)
        assert opened(here.world, here.banks["CN-32"].taken[-1]).scp == third
        await here.until(lambda: len([row for row in here.owed() if row.transfer in {broken, lost} and row.last_error]) == 2)
        assert {row.last_error for row in here.owed() if row.transfer == lost} == {UNSENDABLE}


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_backoff_when_tries_grow_then_exponential_bounded_and_spread(jitter: float) -> None:
    first, most = timedelta(seconds=1), timedelta(minutes=10)
    waits = [backoff(n, first, most, jitter) for n in range(40)]
    assert waits[0] == timedelta(seconds=0.5 + jitter / 2)
    assert waits == sorted(waits)
    assert max(waits) <= most
    assert backoff(10**9, first, most, jitter) == waits[-1]
