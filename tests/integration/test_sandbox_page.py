"""The sandbox's page over HTTP, as a centre operator uses it: banks are switched off and on again, and the cases find their way."""

import random
import re
from pathlib import Path

import aiohttp
from support.operators import Browser, operating

from gateway.simulator.demo import leave_one_stuck
from gateway.simulator.live import Sandbox, running
from gateway.simulator.people import ANHUI, JIANGSU, SHANGHAI, ZHEJIANG
from gateway.simulator.script import Script
from gateway.simulator.switch_desk import SCENARIOS

CASE = re.compile(r'href="/transfers/([0-9a-f]{64})')


async def acts(sandbox: Sandbox, act: str) -> list[tuple[str, str, str]]:
    """Who did what to what, newest first."""
    rows = await sandbox.gateway.database.fetch(
        "person_acts", person="", before=2**62, most=100, act=act, outcome="done", since="", until="~"
    )
    return [(row[3], row[7], row[9]) for row in rows]


async def booked(sandbox: Sandbox, transfer: str) -> list[tuple[str, str]]:
    """Which banks have booked the case, and as what."""
    return sorted((member, role) for member, bank in sandbox.banks.items() for at, role in bank.posted if at == transfer)


async def test_bank_when_switched_off_on_the_page_then_its_case_waits_for_it_and_settles_once_it_is_back(tmp_path: Path) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with running(tmp_path, random.Random(1)) as sandbox, aiohttp.ClientSession(cookie_jar=jar) as session:
        script, page = Script(sandbox, lambda *_: None), Browser(session, sandbox.addresses["people"])
        assert (await page.get("/sign-in/start?hint=centre&to=/sandbox"))[0] == 200
        token = await page.token()

        async def turn(path: str, **form: str) -> None:
            assert await page.post("/sandbox/" + path, form, token) == (303, "/sandbox")

        async def sent(source: str, accepting: str) -> str:
            await turn("cases", source=source, accepting=accepting)
            return [row.scope for row in await sandbox.connectors[source].store.messages() if row.act == "request"][-1]

        await turn(f"members/{ANHUI}", down="1")
        away = await sent(SHANGHAI, ANHUI)

        async def knocked() -> bool:
            return sandbox.gateway.courier.condition(ANHUI) != "closed"

        await script.until(lambda: script.stands(away, "delivering"), "the case to wait for Anhui")
        await script.until(knocked, "the gateway to find nobody there")
        assert CASE.findall((await page.get(f"/transfers?waiting={ANHUI}"))[1]) == [away]
        _, shown = await page.get("/sandbox")
        assert CASE.findall(shown) == [away]
        assert "银行离线" in shown
        # meanwhile the others are in trouble of other kinds
        await turn(f"members/{JIANGSU}", tamper="1")
        await turn(f"members/{ZHEJIANG}", duplicate="1", drop="1")
        await turn(f"members/{SHANGHAI}", lose_answer="1")
        altered = await sent(JIANGSU, ZHEJIANG)

        async def refused() -> bool:
            rows = await sandbox.connectors[JIANGSU].store.messages()
            return any(row.scope == altered and row.state == "failed" for row in rows)

        await script.until(refused, "the altered message to be refused")

        async def stuck() -> bool:
            return CASE.findall((await page.get("/stuck"))[1]) == [away]

        await script.until(stuck, "the page to show what is stuck")
        assert not await script.stands(away, "settled")
        await turn(f"members/{ANHUI}")
        await turn("reset")
        for case in (away, altered):
            await script.until(lambda case=case: script.stands(case, "settled"), "the cases to be settled")
        assert CASE.findall((await page.get("/stuck"))[1]) == []
        assert await booked(sandbox, away) == [(SHANGHAI, "source"), (ANHUI, "accepting")]
        assert await booked(sandbox, altered) == [(JIANGSU, "source"), (ZHEJIANG, "accepting")]
        assert await acts(sandbox, "sandbox.switch") == [
            ("centre", ANHUI, "off"),
            ("centre", SHANGHAI, "lose_answer=1"),
            ("centre", ZHEJIANG, "drop=1 duplicate=1"),
            ("centre", JIANGSU, "tamper=1"),
            ("centre", ANHUI, "down=1"),
        ]
        assert await acts(sandbox, "sandbox.case") == [
            ("centre", f"{JIANGSU} {ZHEJIANG}", altered),
            ("centre", f"{SHANGHAI} {ANHUI}", away),
        ]
        # a scenario sets its switches for a time; what is unknown, wrong or not this person's turns nothing
        await turn("scenarios/clock")
        assert "时钟偏 +400 秒" in (await page.get("/sandbox"))[1]
        for path, form, status in (
            ("scenarios/none", {}, 404),
            ("members/CN-99", {"down": "1"}, 404),
            (f"members/{ANHUI}", {"delay_ms": "999999"}, 400),
            ("cases", {"source": ANHUI, "accepting": ANHUI}, 400),
        ):
            assert (await page.post("/sandbox/" + path, form, token))[0] == status
        await page.post("/sign-out", (), token)
        await page.get("/sign-in/start?hint=presiding-31&to=/")
        assert (await page.get("/sandbox"))[0] == 403
        assert (await page.post(f"/sandbox/members/{ANHUI}", {"down": "1"}))[0] == 403
        assert not any(line.switches.down for line in sandbox.desk.door.lines())


async def test_node_in_service_when_asked_for_the_sandbox_then_there_is_no_such_page_and_the_menu_has_none(tmp_path: Path) -> None:
    async with operating(tmp_path) as here:
        page = await here.browser("centre")
        assert (await page.get("/sandbox"))[0] == 404
        assert (await page.post("/sandbox/reset"))[0] == 404
        assert "/sandbox" not in (await page.get("/"))[1]


async def test_demo_when_its_story_is_told_then_one_case_is_stuck_until_the_switch_is_turned_back(tmp_path: Path) -> None:
    async with running(tmp_path, random.Random(1)) as sandbox:
        script, centre = Script(sandbox, lambda *_: None), sandbox.gateway.parts.centre
        await script.no_agreement()  # how the story ends
        case = await leave_one_stuck(sandbox)

        async def stuck() -> bool:
            found = [(each.transfer, each.member, each.state, each.reason) for each in await centre.failing()]
            return found == [(case, ANHUI, "delivering", "peer.unavailable")]

        await script.until(stuck, "the case to hang")
        await sandbox.desk.reset()
        await script.until(lambda: script.stands(case, "settled"), "the case to be settled")
        assert await centre.failing() == ()
        again = await sandbox.desk.play(SCENARIOS[0])
        await script.until(lambda: script.stands(again, "delivering"), "the scenario's case to wait")
