"""The centre's pages over a region with known traffic: they say what the read models say, and each sees only what is theirs."""

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import aiohttp
from aiohttp import web
from support.region import World, region
from support.stages import ACCEPTING, SOURCE, STRANGER, Stage, place_state, stage

from gateway.listening import listen, people_site
from gateway.model.people import Person, Role
from gateway.model.transfer import CLOSED
from gateway.transfers.flows import submitted
from gateway.transfers.transfer_list import Filter
from gateway.web.pages.figures import percent
from gateway.web.people_app import people_app

PLACES = ("settled", "settled", "reviewing", "held", "rejected", "withdrawn", "posting")
LINK = re.compile(r'<a href="([^"]+)">([^<]+)</a>')
CENTRE = Person("c", "测试", frozenset({Role.CENTRE_OPERATOR}))
SYSTEM = Person("s", "测试", frozenset({Role.ADMIN_SYSTEM}))


def operator(member: str) -> Person:
    return Person(member, "测试", frozenset({Role.BANK_OPERATOR}), member)


@dataclass
class Site:
    """The pages over a world, and whoever looks at them."""

    world: World
    url: str
    people: object
    browser: aiohttp.ClientSession
    stages: dict[str, list[Stage]] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, who: Person = CENTRE) -> tuple[int, str]:
        if who.subject not in self.cookies:
            self.cookies[who.subject] = await self.people.sign_in(who)
        async with self.browser.get(self.url + path, cookies={"ceg": self.cookies[who.subject]}) as answer:
            return answer.status, await answer.text("utf-8-sig")

    async def rows(self, path: str, sheet: str, who: Person = CENTRE) -> list[list[str]]:
        """A page's table by its CSV, without the heads."""
        status, text = await self.get(f"{path}{'&' if '?' in path else '?'}csv={sheet}", who)
        assert status == 200, text
        return list(csv.reader(io.StringIO(text)))[1:]


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    async with region(folder) as world, aiohttp.ClientSession() as browser:
        gateway = world.gateway
        settings = gateway.settings.model_copy(
            update={"people": gateway.settings.people.model_copy(update={"issuer": "https://id.example"})}
        )
        made = people_site(settings, gateway.parts, gateway.database, gateway.registry, gateway.clock, gateway.ids)
        assert made is not None
        runner = web.AppRunner(people_app(made), access_log=None)
        try:
            made.origin = await listen(runner, "127.0.0.1", 0)
            yield Site(world, made.origin, made.people, browser)
        finally:
            await runner.cleanup()


async def test_pages_when_traffic_is_known_then_their_numbers_are_the_read_models_and_open_what_they_count(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        made = [await stage(here.world, place) for place in PLACES]
        centre, states = here.world.gateway.parts.centre, [place_state(place) for place in PLACES]
        shown = await centre.overview()

        # overview: the table is the read model; the cards and the table's links open lists of just as many
        figures = {row[0]: row[1:] for row in await here.rows("/", "figures")}
        assert figures["提交"] == [str(submitted(each.flow)) for each in shown.figures]
        assert figures["提交"][-1] == str(len(PLACES))
        assert figures["办结"] == [str(each.flow.n("settled")) for each in shown.figures]
        assert figures["成功率"] == [percent(each.flow.success) for each in shown.figures]
        assert {row[0]: int(row[1]) for row in await here.rows("/", "states")}["办结"] == states.count("settled")
        matrix = await here.rows("/", "matrix")
        assert matrix[0][2] == str(len(PLACES))
        assert sum(int(cell) for row in matrix for cell in row[1:] if cell.isdecimal()) == len(PLACES)
        _, page = await here.get("/")
        opened = 0
        for address, text in LINK.findall(page):
            path, query = unescape(address).partition("?")[::2]
            if path == "/transfers" and text.isdecimal() and "moved=" not in query:
                assert len(await here.rows(unescape(address), "transfers")) == int(text), (address, text)
                opened += 1
        assert opened > 8
        assert str(shown.in_flight) == str(sum(state not in CLOSED and state != "held" for state in states))
        assert f'/transfers/{shown.oldest.transfer if shown.oldest else ""}"' in page

        # flows, latency
        flows = await centre.flows(centre.last_days(30))
        (pair,) = await here.rows("/flows", "pairs")
        flow = flows.pairs[SOURCE, ACCEPTING]
        assert pair[2:6] == [str(len(PLACES)), "2", f"{flow.credits['settled'].normalize():f}", percent(flow.success)]
        latency = await centre.latency(centre.last_days(30))
        assert sum(int(row[2]) for row in await here.rows("/latency", "hours")) == sum(cell.submitted for cell in latency.hours)
        days = await here.rows("/latency", "days")
        assert (len(days), sum(int(row[1]) for row in days)) == (30, 2)
        causes = await centre.causes(centre.last_days(30))
        assert [row[0] for row in await here.rows("/latency", "causes")] == [each.reason for each in causes]
        assert sum(each.items for each in causes) == 2 + 2 + 3  # rejected, withdrawn, one of two in each decided case
        assert (await here.get("/latency?period=2026-13"))[0] == 400
        assert (await here.get("/latency?leg=none"))[0] == 400

        # the list: pages both ways hold each case once; the oldest order is the same turned round
        everything = [row[0] for row in await here.rows("/transfers?state=all", "transfers")]
        assert sorted(everything) == sorted(each.transfer for each in made)
        assert [row[0] for row in await here.rows("/transfers?state=all&sort=oldest", "transfers")] == everything[::-1]
        _, first = await here.get("/transfers?state=all&sort=oldest")
        assert re.findall("/transfers/([0-9a-f]{64})", first) == everything[::-1]
        assert len(await here.rows("/transfers", "transfers")) == sum(state not in CLOSED for state in states)
        for other in (f"source={ACCEPTING}", f"accepting={SOURCE}", f"member={STRANGER}", "moved=2025", "opened=2025"):
            assert await here.rows(f"/transfers?state=all&{other}", "transfers") == []
        for wrong in ("state=none", "member=CN-99", "id=xyz", "opened=yesterday"):
            assert (await here.get(f"/transfers?{wrong}"))[0] == 400

        # one case: its steps are its leaves, each with its proof; neighbours are those of the list
        settled = next(each.transfer for each, state in zip(made, states, strict=True) if state == "settled")
        found = await centre.case(settled, Filter())
        assert found is not None
        steps = await here.rows(f"/transfers/{settled}?state=all", "steps")
        assert [(row[0], row[9]) for row in steps] == [(str(step.seq), str(step.leaf)) for step in found[0].steps]
        assert {row[10] for row in steps} == {"已存证"}  # there are no witnesses here
        assert steps[0][5] == ACCEPTING  # after the request it is the accepting bank's turn
        _, page = await here.get(f"/transfers/{settled}?state=all")
        at = everything.index(settled)
        neighbours = re.findall(r'href="/transfers/([0-9a-f]{64})[^"]*" rel="(prev|next)"', page)
        beside = (everything[at - 1] if at else "", "prev"), ((*everything, "")[at + 1], "next")
        assert neighbours == [(id_, rel) for id_, rel in beside if id_]
        assert f"ceg transfer evidence {settled} --config gateway.toml" in page

        # the transfer log: the proof shown ends at the root, by index and by scope and number
        leaf = found[0].steps[-1].leaf
        for asked in (str(leaf), f"{settled}/{found[0].steps[-1].seq}"):
            path = f"/log?leaf={asked}"
            assert (await here.rows(path, "proof_steps"))[-1][3] in (await here.get(path))[1]
            _, page = await here.get(path)
            assert "证明成立" in page
            assert "transfer.settled" in page
        for nothing in ("99999", f"{settled}/99", "nothing/0", "-1"):
            assert "没有可显示的叶" in (await here.get(f"/log?leaf={nothing}"))[1]
        assert {row[3] for row in await here.rows("/log", "witnesses")} <= {"未设见证", "尚无见证签名"}
        health = {row[0]: row for row in await here.rows("/members", "traffic")}
        assert [int(row[6]) for row in health.values()] == [each.lane_depth for each in await centre.members()]


async def test_pages_when_a_bank_or_an_administrator_looks_then_only_what_is_theirs(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        made = await stage(here.world, "reviewing")
        leaf = (await here.rows(f"/transfers/{made.transfer}", "steps"))[0][9]
        names = {member.id: member.name.zh for member in here.world.trust.data.members}
        for member, sees in ((SOURCE, True), (ACCEPTING, True), (STRANGER, False)):
            who = operator(member)
            assert len(await here.rows("/transfers?state=all", "transfers", who)) == sees
            assert len(await here.rows("/flows", "pairs", who)) == sees
            assert (await here.rows("/", "figures", who))[0][-1] == str(int(sees))
            assert {row[0]: row[1] for row in await here.rows("/", "states", who)}["审核中"] == str(int(sees))
            assert (made.transfer in (await here.get("/", who))[1]) == sees
            assert [row[0] for row in await here.rows("/members", "traffic", who)] == [names[member]]
            assert (made.transfer in (await here.get(f"/log?leaf={leaf}", who))[1]) == sees
            assert ("没有可显示的叶" in (await here.get(f"/log?leaf={made.transfer}/0", who))[1]) == (not sees)
            assert "证明成立" in (await here.get(f"/log?leaf={leaf}", who))[1]
            status, text = await here.get(f"/transfers/{made.transfer}", who)
            unknown, other = await here.get(f"/transfers/{'0' * 64}", who)
            assert (status, unknown) == (200 if sees else 404, 404)
            assert sees or text.replace(made.transfer, "0" * 64) == other
        sent = await here.rows(f"/transfers/{made.transfer}", "deliveries", operator(ACCEPTING))
        assert {row[1] for row in sent} == {ACCEPTING}
        assert await here.rows(f"/transfers/{made.transfer}", "deliveries", operator(SOURCE)) == []
        assert (await here.get(f"/latency?member={SOURCE}", operator(ACCEPTING)))[0] == 404

        # who may not read cases sees counts without ways into them, and no leaf's content
        assert [(await here.get(path, SYSTEM))[0] for path in ("/", "/members", "/log", "/transfers", "/flows")] == [
            200,
            200,
            200,
            403,
            403,
        ]
        _, page = await here.get("/", SYSTEM)
        assert [address for address, _ in LINK.findall(page) if address.startswith(("/transfers", "/latency"))] == []
        assert made.transfer not in (await here.get(f"/log?leaf={leaf}", SYSTEM))[1]


async def test_live_line_when_a_case_moves_then_the_new_numbers_come_in_the_readers_language(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.get("/")
        async with here.browser.get(here.url + "/live?lang=en", cookies={"ceg": here.cookies["c"]}) as stream:
            seen: dict[str, str] = {}
            name = ""
            async for raw in stream.content:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                    seen[name] = ""
                elif line.startswith("data: "):
                    seen[name] += line.removeprefix("data: ")
                if not line and name == "states":
                    break
        assert list(seen) == ["head", "cards", "figures", "matrix", "states"]
        assert "Submitted" in seen["figures"]
        assert "in flight" in seen["cards"]
