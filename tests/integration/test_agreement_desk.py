"""`ceg agreement` of two banks against a serving node, and at the node itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs
from support.agreements import ACCEPTING, FOUNDING, SOURCE, STRANGER, without_founding
from support.auditor import Books
from support.nodes import Ran, ceg, write_config
from support.region import key_of, tools, trust_data, write_files

from gateway.app import build, serving
from gateway.model.scopes import agreement_scope
from gateway.system import SystemClock, SystemIds

TERMS = (
    "A-1", "--source", SOURCE, "--accepting", ACCEPTING, "--kind", "COURSE", "--kind", "SKILL_CERT", "--since", "2020-01-01",
    "--until", "2099-12-31", "--item-credits-max", "6",
)  # fmt: skip


@dataclass
class Desk:
    """A serving node, and the banks' command lines."""

    folder: Path
    config: Path
    url: str

    async def agreement(self, member: str, *arguments: object, yes: bool = True) -> Ran:
        key = self.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where: tuple[object, ...] = ("--url", self.url, "--member", member, "--key-file", key)
        if arguments[0] not in {"list", "show"}:
            where += ("--config", self.config) + (("--yes",) if yes else ())
        return await asyncio.to_thread(ceg, "agreement", *arguments, *where, "--json")

    def leaves(self) -> list[str]:
        found = Books(self.folder / "data" / "gateway.db")
        try:
            return [leaf.type for leaf in found.leaves() if leaf.type.startswith("agreement.")]
        finally:
            found.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    settings = write_files(folder, without_founding(trust_data(now=SystemClock().now())))
    config = write_config(settings, folder / "gateway.toml")
    with capture_logs():
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            gateway = await build(settings, session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                gateway.parts.base_url = addresses.member_api
                yield Desk(folder, config, addresses.member_api)


async def test_agreement_when_carried_through_by_two_banks_then_each_sees_every_step(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        tried = await here.agreement(SOURCE, "propose", *TERMS, "--dry-run")
        assert (tried.code, tried.document["sent"], tried.document["terms"]["version"], here.leaves()) == (0, False, 1, [])
        unsure = await here.agreement(SOURCE, "propose", *TERMS, yes=False)
        assert (unsure.code, unsure.problem["code"]) == (2, "cli.confirm")
        done = await here.agreement(SOURCE, "propose", *TERMS)
        assert (done.code, done.document["status"], here.leaves()) == (0, 202, ["agreement.proposed"])
        own = await here.agreement(SOURCE, "sign", "A-1")
        assert (own.code, own.document["code"]) == (5, "transfer.not_your_role")
        shown = (await here.agreement(ACCEPTING, "show", "A-1")).document
        assert (shown["proposed"]["by"], shown["proposed"]["item_credits_max"], shown["terms"]) == (SOURCE, "6", None)
        looked = await here.agreement(ACCEPTING, "sign", "A-1", "--dry-run")
        assert looked.document["terms"]["kinds"] == ["COURSE", "SKILL_CERT"], "read from the bytes that are to be signed"
        for member, act in ((ACCEPTING, "sign"), (ACCEPTING, "suspend"), (ACCEPTING, "resume"), (SOURCE, "end")):
            why = ("--reason", "经商议") if act != "sign" else ()
            ran = await here.agreement(member, act, "A-1", *why)
            assert (ran.code, ran.document["status"]) == (0, 200), act
            (listed,) = [each for each in (await here.agreement(SOURCE, "list")).document if each["id"] == "A-1"]
            assert (listed["state"], listed["suspended_by"]) == (
                "ended" if act == "end" else "signed", [ACCEPTING] if act == "suspend" else []
            )  # fmt: skip
        assert [each["id"] for each in (await here.agreement(STRANGER, "list")).document if each["id"] == "A-1"] == []
        assert len(here.leaves()) == 5
        text = (await asyncio.to_thread(ceg, "agreement", "list", "--config", here.config)).out
        assert all(word in text for word in ("A-1", "ended", f"{ACCEPTING}→{SOURCE}")), "the node's own view, with the founding ones"
        text = (await asyncio.to_thread(ceg, "agreement", "show", "A-1", "--config", here.config)).out
        assert all(word in text for word in ("COURSE SKILL_CERT", "2099-12-31", "已终止"))


async def test_agreement_when_named_wrongly_or_without_grounds_then_nothing_is_sent(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        for arguments, code in (
            (("show", "nothing"), 3),
            (("end", "A-9", "--reason", "经商议"), 3),
            (("suspend", FOUNDING, "--reason", " "), 2),
            (("sign", f"{ACCEPTING}-{SOURCE}"), 8),
            (("propose", *TERMS[:-1], "six"), 4),
            (("propose", *TERMS[:-4], "--until", "2099-13-01"), 2),
        ):
            assert (await here.agreement(SOURCE, *arguments)).code == code, arguments
        assert here.leaves() == []
        founding = agreement_scope(ACCEPTING, SOURCE, f"{ACCEPTING}-{SOURCE}")
        done = await here.agreement(SOURCE, "suspend", founding.removeprefix("agreement:")[:8], "--reason", "核查")
        assert (done.code, here.leaves()) == (0, ["agreement.suspended"])
        again = await here.agreement(SOURCE, "suspend", f"{ACCEPTING}-{SOURCE}", "--reason", "核查")
        assert (again.code, again.document["code"]) == (8, "transfer.wrong_state")


async def test_api_when_asked_without_a_token_then_refused(tmp_path: Path) -> None:
    async with desk(tmp_path) as here, aiohttp.ClientSession() as session, session.get(here.url + "/v1/agreements") as answer:
        assert answer.status == 401


@pytest.mark.parametrize("act", ["propose", "sign", "suspend", "resume", "end", "list", "show"])
def test_help_when_asked_then_both_languages_and_an_example(act: str) -> None:
    text = ceg("agreement", act, "--help").out
    assert f"ceg agreement {act}" in text
    assert not text.isascii()
