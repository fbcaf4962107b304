"""Operators at what is stuck: what each may see, a selection frozen, approved, released, carried out where the key is, and every "no".

PR-350, PR-351.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.client import URL
from support.nodes import Ran, ceg
from support.operators import Region, operating
from support.region import key_of
from support.stages import ACCEPTING, PRESIDING, STRANGER

from gateway.transfers.people import DONE, REFUSED


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Region]:
    async with operating(tmp_path) as found:
        found.gateway.parts.base_url = found.member_api
        yield found


async def dlq(here: Region, act: str, *arguments: object, member: str = PRESIDING) -> Ran:
    key = here.node.folder / f"{member}.pem"
    if not key.exists():
        key_of(member).save(key)
    where = ("--url", here.member_api, "--member", member, "--key-file", key, "--config", here.node.config, "--json", "--yes")
    return await asyncio.to_thread(ceg, "dlq", act, *arguments, *where)


async def outcomes(here: Region, outcome: str) -> list[tuple[str, str, str]]:
    """Newest first."""
    rows = await here.gateway.database.fetch("person_acts", person="", before=2**62, most=100, act="", outcome=outcome, since="", until="~")
    return [(row[3], row[6], row[9]) for row in rows]


async def test_pages_when_read_then_groups_lists_and_letters_of_ones_own_and_no_difference_for_others(here: Region) -> None:
    viewer, own, other = [await here.browser(who) for who in ("viewer", "operator-32", "operator-34")]
    status, text = await viewer.get("/stuck?lang=en")
    assert (status, "2 cases are held" in text) == (200, True)
    assert "member=CN-31+CN-32" in text
    status, text = await viewer.get("/stuck/list?member=CN-32&stage=delivering")
    assert (status, here.node.held in text, here.node.posting in text, "冻结选择" in text) == (200, True, False, False)
    assert here.node.letter in (await own.get("/dead-letters"))[1]
    status, text = await own.get(f"/dead-letters/{here.node.letter}")
    assert (status, "会立即送出" in text or "对方现在不通" in text, "会放弃" in text) == (200, True, True)
    assert "会被拒绝" in (await own.get(f"/dead-letters/{here.node.decided}"))[1], "what settles money cannot be given up"
    hidden, unknown = await other.get(f"/dead-letters/{here.node.letter}"), await other.get("/dead-letters/" + "x" * len(here.node.letter))
    assert hidden[0] == unknown[0] == 404
    assert hidden[1].replace(here.node.letter, "") == unknown[1].replace("x" * len(here.node.letter), "")
    assert here.node.letter not in (await other.get("/dead-letters"))[1]
    async with other.session.get(other.url + "/dead-letters/list?csv=waiting") as answer:
        assert (answer.status, (await answer.read()).count(b"\r\n")) == (200, 1)


async def test_retry_when_frozen_released_and_carried_out_then_each_order_signed_and_followed(here: Region) -> None:
    centre = await here.browser("centre")
    status, to = await centre.freeze("/stuck/list", kind="held", action="retry")
    assert status == 303
    token = to.rpartition("/")[2]
    status, text = await centre.get(to)
    assert (status, "共 2 项" in text, "不发送、不保存" in text, "会" in text) == (200, True, True, True)
    assert (await dlq(here, "retry", "--selection", token)).problem["code"] == "transfer.selection_not_released"
    assert (await centre.post(f"{to}/release"))[0] == 303
    page = (await centre.get(to))[1]
    assert f"ceg dlq retry --selection {token} --expect-count 2 --url {here.member_api} --member {PRESIDING}" in page
    wrong = await dlq(here, "retry", "--selection", token, "--expect-count", 3)
    assert (wrong.code, wrong.problem["code"]) == (8, "transfer.selection_stale")
    assert (await dlq(here, "cancel", "--selection", token)).code == 2
    assert (await dlq(here, "retry", "--selection", token, member=STRANGER)).problem["code"] == "transfer.selection_unknown"
    done = await dlq(here, "retry", "--selection", token, "--expect-count", 2)
    assert (done.code, [(each["sent"], each["status"]) for each in done.document]) == (0, [(True, 200)] * 2)
    assert {each["id"] for each in done.document} == {here.node.held, here.node.posting}
    page = (await centre.get(to))[1]
    assert "已变化 2 / 2 项" in page
    assert all(f"/log?leaf={each['leaf']}" in page for each in done.document)
    assert (await dlq(here, "retry", "--selection", token)).document == [], "started again it finds nothing left"
    assert (await centre.post(f"{to}/release"))[0] == 409
    assert [act for person, act, _ in await outcomes(here, DONE) if person == "centre"][:2] == ["selection.use", "selection.freeze"]


async def test_giving_up_when_asked_then_a_second_person_and_a_pause_is_obeyed(here: Region) -> None:
    centre, second = await here.browser("centre"), await here.browser("centre-2")
    status, to = await centre.freeze("/dead-letters/list", kind="letter", action="cancel")
    assert status == 303
    for path in (f"{to}/release", f"{to}/approve"):
        status, text = await centre.post(path)
        assert (status, "须由另一人批准" in text, "A second person" in text) == (409, True, True)
    assert (await second.post(f"{to}/release"))[0] == 409
    assert (await second.post(f"{to}/approve"))[0] == 303
    assert (await second.post(f"{to}/approve"))[0] == 409
    assert (await centre.post(f"{to}/pause"))[0] == 409, "nothing runs yet"
    for wish in ("release", "pause", "go-on", "stop"):
        assert (await centre.post(f"{to}/{wish}"))[0] == 303
    token = to.rpartition("/")[2]
    stopped = await dlq(here, "cancel", "--selection", token)
    assert [(each["id"], each["sent"]) for each in stopped.document] == [(here.node.letter, False)]
    assert here.node.letter in (await centre.get("/dead-letters"))[1]


async def test_selection_when_something_moved_after_it_was_seen_then_409_and_nothing_done(here: Region) -> None:
    centre = await here.browser("centre")
    assert (await centre.freeze("/stuck/list", kind="held", action="retry", why=" "))[0] == 400
    assert (await centre.freeze("/stuck/list", kind="held", action="retry", unit="CN-34"))[0] == 400
    assert (await centre.freeze("/stuck/list", kind="held", action="retry", seen="0" * 64))[0] == 409
    status, to = await centre.freeze("/stuck/list", kind="held", action="retry")
    assert status == 303
    ordered = await dlq(here, "retry", here.node.held, "--reason", "已确认")
    assert ordered.code == 0
    status, text = await centre.post(f"{to}/release")
    assert (status, "内容已经改变" in text, "Changed" in text or "changed" in text) == (409, True, True)
    assert ("centre", "POST /selections/{token}/release", "stale") in await outcomes(here, REFUSED)
    assert (await centre.get("/selections/nothing"))[0] == 404


async def test_acts_when_role_session_or_origin_is_wrong_then_refused_and_written_down(here: Region) -> None:
    centre, viewer, bank = [await here.browser(who) for who in ("centre", "viewer", "operator-32")]
    status, to = await centre.freeze("/stuck/list", kind="held", action="retry")
    assert status == 303
    for path in ("/selections", to):
        assert ((await viewer.get(path))[0], (await bank.get(path))[0]) == (403, 403)
    assert [(await each.post(f"{to}/release"))[0] for each in (viewer, bank)] == [403, 403]
    assert (await centre.post(f"{to}/release", Origin="https://elsewhere.example"))[0] == 403
    letter = f"/dead-letters/{here.node.letter}"
    assert (await bank.post(f"{letter}/note", {"text": "x"}))[0] == 403
    assert (await centre.post(f"{letter}/note", {"text": " "}))[0] == 400
    assert (await centre.post(f"{letter}/note", {"text": "<b>已致电</b>"}))[0] == 303
    assert "&lt;b&gt;已致电&lt;/b&gt;" in (await bank.get(letter))[1]
    assert {each[2] for each in await outcomes(here, REFUSED)} == {"no_right", "forged", "bad_request"}
    token = await centre.token()
    centre.session.cookie_jar.update_cookies({"ceg": "over"}, response_url=URL(here.people))
    status, text = await centre.post(f"{to}/release", token=token)
    assert (status, "登录已结束" in text) == (403, True)


async def test_letters_when_replayed_then_marked(here: Region) -> None:
    centre = await here.browser("centre")
    assert not re.search("第 . 次重放", (await centre.get("/dead-letters/list"))[1])
    await dlq(here, "retry", here.node.letter, "--reason", "已确认")
    for path in ("/dead-letters/list", f"/dead-letters/{here.node.letter}"):
        assert "第 1 次重放" in (await centre.get(path))[1]
    assert ACCEPTING in (await centre.get("/dead-letters"))[1]
