"""`ceg presiding` of two units against a serving node, the reading route, the page `/presiding`, and the alarm."""

import asyncio
import csv
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from support.auditor import Books
from support.handovers import COMES, ENDS, GOES, STRANGER, Units, rotating
from support.nodes import Ran, ceg, write_config
from support.region import key_of, tools, trust_data, write_files
from support.stages import stage

from gateway.app import build, serving
from gateway.cli.presiding import DUTIES as WORDS
from gateway.cli.presiding import believed_head
from gateway.client.receipts import Judge
from gateway.errors import TransferLogError
from gateway.federation.members import Turn
from gateway.listening import listen, people_site
from gateway.model.people import Person, Role
from gateway.system import SystemClock, SystemIds
from gateway.transfers.alert_findings import Findings
from gateway.transfers.handovers import DUTIES, Handing, handings
from gateway.web.people_app import people_app

PAIRS = {"hand-over": GOES, "accept": COMES}


@dataclass
class Desk:
    """A serving node whose turn changes tomorrow, and the units' command lines."""

    folder: Path
    config: Path
    url: str

    async def presiding(self, member: str, *arguments: str) -> Ran:
        key = self.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where: tuple[object, ...] = ("--url", self.url, "--member", member, "--key-file", key)
        if arguments[0] != "show":
            where += ("--config", self.config)
        return await asyncio.to_thread(ceg, "presiding", *arguments, *where, "--json")

    async def beside(self, *where: object) -> Any:
        """What the command line tells that reads the node's files itself."""
        ran = await asyncio.to_thread(ceg, "presiding", "show", *where, "--json")
        assert ran.code == 0, ran.err
        return ran.document

    def leaves(self) -> list[str]:
        found = Books(self.folder / "data" / "gateway.db")
        try:
            return [leaf.type for leaf in found.leaves() if leaf.type.startswith("presiding.")]
        finally:
            found.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    now, day = SystemClock().now().replace(microsecond=0), timedelta(days=1)
    turns = (Turn(GOES, now - 90 * day, now + day), Turn(COMES, now + day, now + 90 * day))
    settings = write_files(folder, replace(trust_data(now=now), presiding=turns))
    config = write_config(settings, folder / "gateway.toml")
    with capture_logs():
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            gateway = await build(settings, session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                gateway.parts.base_url = addresses.member_api
                yield Desk(folder, config, addresses.member_api)


async def test_presiding_when_carried_through_by_both_units_then_each_sees_list_signatures_and_leaves(tmp_path: Path) -> None:
    """PR-352 to PR-360, from the banks' side."""
    async with desk(tmp_path) as here:
        looked = (await here.presiding(STRANGER, "show")).document
        assert (await here.beside("--config", here.config))["handovers"] == looked["handovers"], "what can be signed, by the rota"
        assert [turn["when"] for turn in looked["rota"]] == ["now", "to_come"]
        (line,) = looked["handovers"]
        assert (line["state"], line["waits_for"], line["open"], line["overdue"]) == (None, GOES, True, False)
        for member, act, code in ((STRANGER, "hand-over", 3), (COMES, "hand-over", 3), (GOES, "accept", 3), (COMES, "accept", 8)):
            assert (await here.presiding(member, act, "--yes")).code == code, (member, act)
        tried = await here.presiding(GOES, "hand-over", "--dry-run")
        assert (tried.code, tried.document["sent"], tried.document["duties"]) == (0, False, dict.fromkeys(DUTIES, 0))
        assert here.leaves() == []
        done = await here.presiding(GOES, "hand-over", "--yes")
        assert (done.code, done.document["status"], here.leaves()) == (0, 202, ["presiding.handed_over"])
        again = await here.presiding(GOES, "hand-over", "--yes")
        assert (again.code, again.document["code"]) == (8, "transfer.wrong_state")
        tried = await here.presiding(COMES, "accept", "--dry-run")
        assert (tried.document["head"], tried.document["remarks"]) == (done.document["head"], {})
        done = await here.presiding(COMES, "accept", "--yes")
        assert (done.code, done.document["status"], here.leaves()) == (0, 200, ["presiding.handed_over", "presiding.accepted"])
        shown = (await here.presiding(STRANGER, "show")).document
        (line,) = shown["handovers"]
        own = await here.beside("--config", here.config)
        assert own == shown | {"head": shown["head"] | {"checkpoint": None}}, "the node's own files say the same"
        assert await here.beside("--data", here.folder / "data") == own | {"rota": []}, "no trust file, no rota; what was signed is there"
        assert (line["state"], line["waits_for"], line["open"], line["remarks"]) == ("accepted", None, False, {})
        assert line["accepted"]["leaf"] == done.document["leaf"]
        async with aiohttp.ClientSession() as session, session.get(here.url + "/v1/presiding") as answer:
            assert answer.status == 401


@asynccontextmanager
async def page(units: Units) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """The page as the centre sees it, by its query; people sign in anew each time, for cases move the clock by days."""
    gateway = units.world.gateway
    settings = gateway.settings.model_copy(update={"people": gateway.settings.people.model_copy(update={"issuer": "https://id.example"})})
    made = people_site(settings, gateway.parts, gateway.database, gateway.registry, gateway.clock, gateway.ids)
    assert made is not None
    runner = web.AppRunner(people_app(made), access_log=None)
    try:
        made.origin = await listen(runner, "127.0.0.1", 0)
        async with aiohttp.ClientSession() as browser:

            async def text(query: str) -> str:
                cookie = await made.people.sign_in(Person("c", "测试", frozenset({Role.CENTRE_OPERATOR})))
                async with browser.get(f"{made.origin}/presiding{query}", cookies={"ceg": cookie}) as answer:
                    assert answer.status == 200
                    return await answer.text("utf-8-sig")

            yield text
    finally:
        await runner.cleanup()


async def test_page_when_handovers_are_signed_then_who_when_leaf_list_then_and_now_and_what_to_run(tmp_path: Path) -> None:
    async with rotating(tmp_path) as world:
        units = Units(world)
        async with page(units) as text:

            async def rows(sheet: str) -> list[list[str]]:
                return list(csv.reader(io.StringIO(await text(f"?csv={sheet}"))))[1:]

            shown_first = await text("")
            assert all(f"ceg presiding {act} --url" in shown_first and f"--member {unit}" in shown_first for act, unit in PAIRS.items())
            assert [row[8] for row in await rows("handovers")] == ["未交出"]
            assert {tuple(row[1:]) for row in await rows("then_and_now")} == {("–", "–", "0", "–")}
            await units.must("handover")
            await stage(world, "held")
            shown = {row[0]: row[1:] for row in await rows("then_and_now")}
            assert (shown["挂起的案件"], shown["死信"]) == (["0", "–", "1", "'+1"], ["0", "–", "0", "未变"])
            await units.must("handover-accept")
            (signed,) = await rows("handovers")
            row = await units.row()
            assert row is not None
            assert (signed[0], signed[3], signed[4], signed[7], signed[8]) == (
                GOES, str(row.handed_leaf), COMES, str(row.accepted_leaf), "双方已签",
            )  # fmt: skip
            assert (await rows("then_and_now"))[0] == ["挂起的案件", "0", "1", "1", "'+1"]
            english = await text("?lang=en")
            assert "signed by both" in english
            assert f"/log?leaf={row.accepted_leaf}" in english.replace("&amp;", "&")
            assert "ceg presiding accept" not in english, "nothing is left to sign"


async def test_alarm_when_the_turn_has_changed_without_a_signature_then_raised_for_whoever_is_missing(tmp_path: Path) -> None:
    """PR-361."""
    async with rotating(tmp_path) as world:
        units, parts = Units(world), world.gateway.parts
        findings = Findings(parts.status, lambda: True, lambda: True, world.clock.now, parts.presiding)

        async def missing() -> list[str]:
            return [each.member for each in await findings.now() if each.event == "handover_unsigned"]

        assert await missing() == []
        units.at(ENDS)
        assert await missing() == [GOES]
        await units.must("handover")
        assert await missing() == [COMES]
        await units.must("handover-accept")
        assert await missing() == []


async def test_head_when_it_is_not_what_the_logs_key_signed_then_not_believed(tmp_path: Path) -> None:
    """PR-355: who hands over names a head that the log itself vouches for."""
    async with rotating(tmp_path) as world:
        size, root = await world.gateway.parts.reading.head()
        good = {"size": size, "root": root.hex(), "checkpoint": world.gateway.ledger.note(size, root)}
        verifiers = Judge(world.trust).verifiers
        assert believed_head(good, verifiers) == (size, root.hex())
        for change in (
            {"size": size + 1},
            {"root": "0" * 64},
            {"checkpoint": good["checkpoint"].replace(f"\n{size}\n", f"\n{size + 1}\n")},
        ):
            with pytest.raises(TransferLogError):
                believed_head(good | change, verifiers)


def test_duties_when_the_command_names_them_then_all_and_in_the_documents_order() -> None:
    assert tuple(WORDS) == DUTIES


def test_handings_when_a_member_follows_itself_then_it_hands_nothing_over() -> None:
    day = timedelta(days=1)
    one, same, other = (
        Turn("CN-31", ENDS, ENDS + day),
        Turn("CN-31", ENDS + day, ENDS + 2 * day),
        Turn("CN-32", ENDS + 3 * day, ENDS + 9 * day),
    )
    assert handings((other, same, one)) == (Handing(same, other),)
    assert [Handing(same, other).open_at(at) for at in (same.until - 31 * day, same.until - 30 * day, other.until)] == [False, True, False]


@pytest.mark.parametrize("act", ["show", "hand-over", "accept"])
def test_help_when_asked_then_both_languages_and_an_example(act: str) -> None:
    text = ceg("presiding", act, "--help").out
    assert f"ceg presiding {act}" in text
    assert not text.isascii()
