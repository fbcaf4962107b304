"""`ceg rule` of the members against a serving node, from a file to the version in force, and the API behind it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs
from support.auditor import Books
from support.nodes import Ran, ceg, write_config
from support.region import key_of, tools, trust_data, write_files
from support.rules import ROOT, rule
from support.ruling import ACCEPTING, FOURTH, PROPOSER, THIRD, Draft

from gateway.app import build, serving
from gateway.client.reading import ReadingApi
from gateway.errors import RecognitionError
from gateway.federation.channels.reading import ReadingChannel
from gateway.system import SystemClock, SystemIds
from gateway.transfers.agreements import day_of

RESULTS = ROOT / "gateway/adapters/shanghai/samples/good/sh.json"
TRY = ("--results", RESULTS, "--at", "2026-09-15")


@dataclass
class Desk:
    """A serving node, and the members' command lines."""

    folder: Path
    config: Path
    url: str

    async def rule(self, member: str, *arguments: object, yes: bool = True) -> Ran:
        key = self.folder / f"{member}.pem"
        if not key.exists():
            key_of(member).save(key)
        where: tuple[object, ...] = ("--url", self.url, "--member", member, "--key-file", key)
        if arguments[0] not in {"list", "fetch"}:
            where += ("--config", self.config) + (("--yes",) if yes else ())
        return await asyncio.to_thread(ceg, "rule", *arguments, *where, "--json")

    def leaves(self) -> list[str]:
        found = Books(self.folder / "data" / "gateway.db")
        try:
            return [leaf.type for leaf in found.leaves() if leaf.type.startswith("rule.")]
        finally:
            found.close()


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    settings = write_files(folder, trust_data(now=SystemClock().now()))
    config = write_config(settings, folder / "gateway.toml")
    with capture_logs():
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            gateway = await build(settings, session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses:
                gateway.parts.base_url = addresses.member_api
                yield Desk(folder, config, addresses.member_api)


def draft(rules: str = "", days: int = 365) -> Draft:
    """Rules for the demonstration programme, from a week from now on."""
    begin = day_of(SystemClock().now()) + timedelta(days=7)
    return Draft(effective=begin, review=begin + timedelta(days=days), rules=rules or rule("r1", "XZ004"))


async def test_version_when_carried_through_by_the_members_then_each_sees_every_step(tmp_path: Path) -> None:
    made, file = draft(), tmp_path / "new.toml"
    file.write_bytes(made.data)
    async with desk(tmp_path) as here:
        tried = await asyncio.to_thread(ceg, "rule", "test", file, *TRY, "--report", tmp_path / "report.json", "--json")
        report = (tmp_path / "report.json").read_bytes()
        assert (tried.code, tried.document["valid"]) == (0, True)
        assert tried.document["trial"] == {"digest": made.digest, "findings": 0, "simulation": sha256(report).hexdigest()}
        assert json.loads(report)["items"] == tried.document["items"] > 0
        looked = await here.rule(PROPOSER, "propose", file, *TRY, "--dry-run")
        assert (looked.code, looked.document["sent"], here.leaves()) == (0, False, [])
        unsure = await here.rule(PROPOSER, "propose", file, *TRY, yes=False)
        assert (unsure.code, unsure.problem["code"]) == (2, "cli.confirm")
        done = await here.rule(PROPOSER, "propose", file, *TRY)
        assert (done.code, done.document["status"], done.document["state"]) == (0, 202, "tested")
        early = await here.rule(ACCEPTING, "publish", "test", "2026.1")
        assert (early.code, early.document["code"]) == (8, "recognition.too_few_approvals")
        for member in (ACCEPTING, THIRD):
            assert (await here.rule(member, "approve", "test", "2026.1")).code == 0
        stranger = await here.rule(FOURTH, "publish", "test", "2026.1")
        assert (stranger.code, stranger.document["code"]) == (5, "recognition.not_your_version")
        assert (await here.rule(ACCEPTING, "publish", "test", "2026.1")).document["state"] == "published"
        (listed,) = (await here.rule(FOURTH, "list")).document
        assert (listed["state"], listed["approvals"], listed["digest"]) == ("published", [ACCEPTING, THIRD], made.digest)
        fetched = await here.rule(FOURTH, "fetch", "test", "2026.1", tmp_path / "copy.toml")
        assert (fetched.code, (tmp_path / "copy.toml").read_bytes()) == (0, made.data)
        text = (await asyncio.to_thread(ceg, "rule", "list", "--config", here.config)).out
        assert all(word in text for word in ("2026.1", "已发布", ACCEPTING)), "the node's own view"
        done = await here.rule(ACCEPTING, "withdraw", "test", "2026.1", "--reason", "有误")
        assert (done.code, done.document["state"]) == (0, "withdrawn")
        assert here.leaves() == ["rule.proposed", "rule.approved", "rule.approved", "rule.published", "rule.withdrawn"]


async def test_version_when_it_has_findings_or_is_named_wrongly_then_nothing_is_sent(tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.toml", tmp_path / "good.toml"
    bad.write_bytes(draft(rules=rule("r1", "C1", kind="COMMUNITY")).data)
    good.write_bytes(draft().data)
    async with desk(tmp_path) as here:
        for arguments, code in (
            (("propose", bad, *TRY), 6),
            (("propose", good, "--at", "2026-09-15"), 2),
            (("approve", "test", "2026.1"), 3),
            (("withdraw", "test", "2026.1", "--reason", " "), 2),
            (("fetch", "test", "2026.1", tmp_path / "copy.toml"), 3),
            (("propose", good, *TRY, "--restores", "2025.1"), 3),
        ):
            ran = await here.rule(PROPOSER, *arguments)
            assert ran.code == code, (arguments, ran.out, ran.err)
        ran = await asyncio.to_thread(ceg, "rule", "test", bad, *TRY, "--json")
        assert (ran.code, ran.document["problems"][0]["code"]) == (6, "recognition.leisure_rule")
        assert here.leaves() == []


async def test_approval_when_judged_by_ones_own_catalogue_then_findings_stop_it(tmp_path: Path) -> None:
    ours, theirs, file = tmp_path / "ours", tmp_path / "theirs", tmp_path / "new.toml"
    file.write_bytes(draft(rules=rule("r1", "XZ999")).data)
    for folder in (ours, theirs):
        assert (await asyncio.to_thread(ceg, "catalogue", "export", folder, "--json")).code == 0
    for table in theirs.glob("*.csv"):
        table.write_bytes(table.read_bytes().replace(b"XZ004", b"XZ999"))
    day = ("--at", "2026-09-15")
    async with desk(tmp_path) as here:
        assert (await here.rule(PROPOSER, "propose", file, *TRY, "--catalogue", theirs)).code == 0
        ran = await here.rule(ACCEPTING, "approve", "test", "2026.1", "--catalogue", ours, *day)
        assert (ran.code, ran.document["problems"][0]["code"]) == (6, "recognition.unknown_course")
        assert here.leaves() == ["rule.proposed"]
        assert (await here.rule(ACCEPTING, "approve", "test", "2026.1", "--catalogue", theirs, *day)).code == 0


async def test_api_when_asked_with_a_token_then_bytes_and_their_tag_and_nothing_without_one(tmp_path: Path) -> None:
    """PR-269, PR-322."""
    file = tmp_path / "new.toml"
    file.write_bytes(draft().data)
    async with desk(tmp_path) as here, aiohttp.ClientSession() as session:
        assert (await here.rule(PROPOSER, "propose", file, *TRY)).code == 0
        url = here.url + "/v1/rules/test/2026.1"
        for path in (here.url + "/v1/rules", url):
            async with session.get(path) as answer:
                assert answer.status == 401
        api = ReadingApi(ReadingChannel(session, 5), here.url, FOURTH, key_of(FOURTH), SystemClock(), SystemIds())
        assert await api.rule_file("test", "2026.1", "") == file.read_bytes()
        with pytest.raises(RecognitionError, match=r"recognition\.unknown_version"):
            await api.rule_file("test", "2026.1", THIRD)
        bearer = {"Authorization": f"Bearer {api._token}"}
        async with session.get(url, headers=bearer) as answer:
            tag = answer.headers["ETag"]
            assert (answer.content_type, tag) == ("application/toml", f'"{draft().digest}"')
        async with session.get(url, headers=bearer | {"If-None-Match": tag}) as answer:
            assert answer.status == 304
        for query, number in (
            ("", 1),
            ("?limit=1", 1),
            ("?cursor=2000%7Crule:0", 0),
            (f"?accepting={ACCEPTING}&id=test", 1),
            (f"?accepting={THIRD}", 0),
            ("?id=other", 0),
        ):
            async with session.get(here.url + "/v1/rules" + query, headers=bearer) as answer:
                page = await answer.json()
                assert (len(page["rules"]), page["next"]) == (number, None)


@pytest.mark.parametrize("act", ["test", "propose", "approve", "publish", "withdraw", "list", "fetch"])
def test_help_when_asked_then_both_languages_and_an_example(act: str) -> None:
    text = ceg("rule", act, "--help").out
    assert "ceg rule " + act in text
    assert "规则" in text or "版本" in text
