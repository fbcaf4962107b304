"""A learner's own pages: who gets in as one, what is shown of whom, and that the number behind it is nowhere."""

import re
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.auditor import books
from support.erasing import ordered
from support.integrity import FRAUD, Marker
from support.learners import ANOTHER, LEARNER, learners
from support.proposals import in_force, management
from support.region import PERSON
from support.stages import ACCEPTING, SOURCE, stage

from gateway.model.people import Right, Role
from gateway.model.transfer import State
from gateway.simulator.identity_people import SamplePerson
from gateway.transferlog.leaf import parse_leaf
from gateway.web.pages.table import ACTS, PAGES

LEAF = re.compile(r"第 (\d+) 叶")


async def test_learner_when_signed_in_then_own_cases_item_by_item_and_another_case_is_no_case(tmp_path: Path) -> None:
    """PR-381, PR-382."""
    async with learners(tmp_path) as here:
        case = await stage(here.world, State.SETTLED)
        in_force(here.world, management())
        open_ = await stage(here.world, State.REVIEWING)
        status, text = await here.sign_in("wang")
        assert (status, "我的案件</h1>" in text, text.count("<article")) == (200, True, 2), "he comes to his own pages"
        assert ("接收行正在认定" in text, "已办结" in text, "最迟 <strong>2026-11-" in text) == (True, True, True)
        assert PERSON.name not in text
        status, text = await here.get("wang", f"/mine/{case.transfer}")
        assert status == 200
        shown = (
            "管理学基础",
            case.records[0],
            "来源申报",
            "接收行的认定",
            "区域学分怎样算出",
            "折算规则 YRD-2024.1",
            "没有原样转入",
            "见证尚未足数",
        )
        assert [each for each in shown if each not in text] == []
        status, text = await here.get("wang", f"/mine/{open_.transfer}")
        told = ("按公布的规则测算", f"<code>{management().id}</code>", f"<code>{management().version}</code>", "等认定")
        assert (status, [each for each in told if each not in text]) == (200, [])
        status, english = await here.get("wang", f"/mine/{open_.transfer}?lang=en")
        assert (status, "Now waiting for" in english, "Estimate by the published rules" in english) == (200, True, True)

        await here.sign_in("li")
        assert "还没有您的案件" in (await here.get("li", "/mine"))[1]
        theirs, none = await here.get("li", f"/mine/{case.transfer}"), await here.get("li", f"/mine/{'0' * 64}")
        assert (theirs[0], none[0]) == (404, 404)
        assert theirs[1].replace(case.transfer, "0" * 64) == none[1], "nothing tells the two apart"
        assert (await here.refusals())[0][1:] == ("GET /mine/{id}", "/mine/{id}", "not_found")


async def test_learner_when_other_pages_are_asked_for_then_refused_in_both_languages_and_written_down(tmp_path: Path) -> None:
    """PR-383: a learner has no other right, and nobody else has this one."""
    async with learners(tmp_path) as here:
        await here.sign_in("wang")
        others = [*(page.path for page in PAGES if page.right not in {None, Right.MINE} and not page.sandbox), "/live"]
        for path in others:
            status, text = await here.get("wang", re.sub(r"\{\w+\}", PERSON.citizen_id, path) + "?lang=en")
            assert (path, status, "您的角色无权使用此页" in text, "Your role does not have the right" in text) == (path, 403, True, True)
        for act in ACTS:
            if act.right is not None and not act.sandbox:
                assert (await here.post("wang", re.sub(r"\{\w+\}", "x", act.path)))[0] == 403, act.path
        assert (await here.get("wang", f"/{PERSON.citizen_id}"))[0] == 404
        told = await here.refusals()
        assert {each[1].removeprefix("GET ") for each in told} >= set(others)
        assert PERSON.citizen_id not in str(told), "not even where he types it himself"
        assert {each[0][:8] for each in told} == {"learner:"}
        for who in ("centre", "operator-31", "auditor", "admin"):
            await here.sign_in(who, "/api/")
            assert [(await here.get(who, path))[0] for path in ("/mine", "/mine/flags", "/mine/reads", "/mine/x")] == [403] * 4
            assert "/mine" not in (await here.get(who, "/"))[1]


@pytest.mark.parametrize(
    ("told", "settings"),
    [
        (LEARNER, {"citizen_claim": ""}),
        (LEARNER, {"citizen_claim": "another"}),
        (SamplePerson("x", "x", (Role.LEARNER,)), {}),
        (SamplePerson("x", "x", (Role.LEARNER,), "", "110105194912310021"), {}),
        (SamplePerson("x", "x", (Role.LEARNER, Role.VIEWER), "", PERSON.citizen_id), {}),
        (SamplePerson("x", "x", (), "", PERSON.citizen_id), {}),
    ],
    ids=["not-allowed", "another-claim", "no-number", "no-such-number", "also-staff", "no-role"],
)
async def test_learner_when_the_provider_does_not_vouch_as_agreed_then_nobody(tmp_path: Path, told: SamplePerson, settings: dict) -> None:
    """PR-384."""
    async with learners(tmp_path, **settings) as here:
        here.known(told)
        status, text = await here.sign_in(told.subject)
        assert (status, "您在此没有角色" in text) == (403, True)
        assert [each[3] for each in await here.refusals()] == ["not_known"]


async def test_number_when_a_learner_signed_in_looked_and_knocked_then_in_no_file_and_no_log(tmp_path: Path) -> None:
    """PR-385: nor his name, nor what the provider calls him, which may be the number itself."""
    number = PERSON.citizen_id
    with capture_logs() as lines:
        async with learners(tmp_path) as here:
            here.known(SamplePerson(number, PERSON.name, (Role.LEARNER,), "", number))
            here.known(SamplePerson(f"bad-{number}", PERSON.name, (Role.LEARNER, Role.AUDITOR), "", number))
            case = await stage(here.world, State.REVIEWING)
            assert (await here.sign_in(number))[0] == 200
            assert (await here.sign_in(f"bad-{number}"))[0] == 403
            paths = ("/mine", f"/mine/{case.transfer}", "/mine/flags", "/mine/reads", f"/mine/{number}")
            pages = [await here.get(number, path) for path in paths]
            assert [status for status, _ in pages] == [200, 200, 200, 200, 404]
            assert [PERSON.name in text for _, text in pages] == [False] * 5
            assert [number in text for _, text in pages[:4]] == [False] * 4
            (session,) = [row async for row in _sessions(here, number)]
            rows = (await here.world.gateway.database.fetch("transfers_by_id", ids=f'["{case.transfer}"]'))[0]
            assert (session[1], session[2], session[3]) == (rows[26], "", "learner"), "the pseudonym, and nothing else"
    data = here.world.gateway.settings.node.data_folder
    held = b"".join(file.read_bytes() for file in sorted(data.rglob("*")) if file.is_file())
    assert len(held) > 100_000
    counted = sha256(b"sign-in\0" + f"person:bad-{number}".encode()).hexdigest()
    for canary in (number, PERSON.name, counted):
        assert canary.encode() not in held
        assert canary not in str(lines)


async def _sessions(here, who: str):
    cookie = next(iter(here.browsers[who].cookie_jar)).value
    found = await here.site.people.session(cookie)
    assert found.person.learner
    for row in await here.world.gateway.database.fetch("person_session", id=found.id):
        yield row


async def test_flags_and_reads_when_looked_at_then_who_why_and_the_leaf_and_looking_is_none(tmp_path: Path) -> None:
    """PR-315."""
    async with learners(tmp_path) as here, books(here.world) as found:
        case = await stage(here.world, State.SETTLED)
        hand, integrity = Marker.of(case, found), here.world.gateway.parts.integrity
        scope = await hand.set(SOURCE, FRAUD)
        await hand.must(SOURCE, "flag-appeal", scope)
        lifted = await hand.set(ACCEPTING, ("duplicate_claim", "claimed_twice"))
        await hand.must(ACCEPTING, "flag-lift", lifted)
        await integrity.of_case(ACCEPTING, case.transfer)
        size = found.size()
        await here.sign_in("wang")
        status, text = await here.get("wang", "/mine/flags")
        assert status == 200
        shown = ("已证实造假", "材料系伪造", "申诉中", "登记差错", "最迟答复", "重复主张", "已解除")
        assert [each for each in shown if each not in text] == []
        status, text = await here.get("wang", "/mine/reads")
        told = [int(each) for each in LEAF.findall(text)]
        assert (status, told == sorted(told, reverse=True), len(told)) == (200, True, 2)
        leaves = [parse_leaf((await here.world.gateway.parts.reading.entries(index, index + 1))[0]) for index in told]
        assert [(leaf.type, leaf.actor or leaf.iss) for leaf in leaves] == [("record.read", ACCEPTING), ("transfer.delivered", ACCEPTING)]
        assert f"/log/proof?scope={leaves[0].scope}&amp;seq={leaves[0].seq}" in text
        status, listed = await here.get("wang", "/mine/reads?csv=reads")
        assert (status, listed.count("\r\n")) == (200, 3)
        await here.sign_in("li")
        for path in ("/mine/flags", "/mine/reads"):
            assert "<article" not in (await here.get("li", path))[1], "nothing of another learner's"
        assert found.size() == size, "his own looking leaves no leaf"


async def test_case_when_erased_then_the_page_says_so_and_shows_no_content(tmp_path: Path) -> None:
    async with learners(tmp_path) as here:
        case = await stage(here.world, State.SETTLED)
        here.world.clock.advance(days=60)
        heard = await ordered(here.world, "erase", case.transfer)
        assert heard.status == 200, heard.body
        await here.sign_in("wang")
        assert "个人内容已于 2027-01-" in (await here.get("wang", "/mine"))[1]
        status, text = await here.get("wang", f"/mine/{case.transfer}")
        assert (status, "都已不能打开" in text, "第 1 项" in text) == (200, True, True)
        assert [each for each in ("管理学基础", *case.records, "接收行的认定") if each in text] == []
        assert (await here.get("wang", f"/mine/{case.transfer}?lang=en"))[0] == 200


async def test_lists_when_long_then_in_pages(tmp_path: Path) -> None:
    async with learners(tmp_path) as here:
        made = [(await stage(here.world, State.DELIVERING)).transfer for _ in range(3)]
        use, whose = here.site.learners, here.site.learners.pseudonym_of(PERSON.citizen_id)
        first = await use.cases(whose, most=2)
        second = await use.cases(whose, first.next, most=2)
        assert [each.case.transfer for each in (*first.cases, *second.cases)] == sorted(made, reverse=True), "opened at one moment"
        assert (second.next, (await use.cases(use.pseudonym_of(ANOTHER))).cases) == ("", ())
        for transfer in made:
            await here.world.gateway.parts.integrity.of_case(SOURCE, transfer)
            await here.world.gateway.parts.integrity.of_case(SOURCE, transfer)
        newest = await use.reads(whose, most=4)
        older = await use.reads(whose, newest.next, most=4)
        leaves = [each.leaf for each in (*newest.reads, *older.reads)]
        assert (len(newest.reads), len(older.reads), older.next, leaves) == (4, 2, 0, sorted(leaves, reverse=True))
        assert (await here.sign_in("wang", "/mine"))[0] == 200
        assert (await here.get("wang", "/mine?after=2026"))[0] == 200
        assert (await here.get("wang", "/mine/reads?before=x"))[0] == 200
