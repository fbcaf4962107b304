"""A bank's own console in the sandbox: a case waits until its operator decides it on the page; the pages in a real Chromium."""

from urllib.parse import urlsplit

import pytest
from support.browser import Stage, axe_on, wrong_with

from gateway.client.selected import Entry, Selected
from gateway.client.selection_book import ASKED
from gateway.client.store import Outgoing
from gateway.model.transfer import Act
from gateway.simulator.people import ZHEJIANG
from gateway.simulator.script import Script
from gateway.web.console.table import OPERATOR, PAGES

pytestmark = pytest.mark.acceptance
LOOKED_AT = ("/", "/cases/{transfer}", "/confirm/{frozen}", "/selections")
RELEASED = Selected("q3vYk2-5sQ", Act.RETRY, "released", "9f2c" * 16, "对方已恢复", 5, (Entry("c7646179", "c7646179", done=False),))
CASES = [page for page in PAGES if page.path in LOOKED_AT]


async def waiting(stage: Stage) -> Outgoing:
    """A case towards Zhejiang that lies until somebody decides it."""
    return (await Script(stage.sandbox, lambda *_: None, 900).left_to_people(ZHEJIANG))[0]


async def decide(stage: Stage, case: Outgoing) -> str:
    """As an operator does, by mouse and keyboard; returns the address of the confirm page, not yet confirmed."""
    page = await (await stage.context(OPERATOR)).new_page()
    await page.goto(stage.home(OPERATOR) + f"/cases/{case.scope}")
    for place in range(await page.locator('input[name^="record-"]').count()):
        await page.locator(f'input[name="verdict-{place}"][value="recognised"]').check()
        await page.locator(f'select[name="reason-{place}"]').select_option("content_equivalent")
    if await page.locator('select[name="departure"]').count():
        await page.locator('select[name="departure"]').select_option("content_equivalent")
    await page.get_by_role("button", name="核对认定").click()
    await page.wait_for_url("**/confirm/*")
    address = urlsplit(page.url).path
    await page.close()
    return address


@pytest.fixture(scope="module")
def laid(stage: Stage) -> dict[str, str]:
    """A case that waits and a decision of it that is to be confirmed."""

    async def lay(stage: Stage) -> dict[str, str]:
        case = await waiting(stage)
        await stage.sandbox.selections[ZHEJIANG].keep(RELEASED, "2026-11-22T17:00:00Z", ASKED)
        return {"here": case.scope, "frozen": (await decide(stage, case)).rpartition("/")[2]}

    return stage.play(lay)


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry.path)
def test_console_page_when_opened_in_a_browser_then_nothing_is_wrong_with_it(stage: Stage, laid: dict[str, str], entry) -> None:
    path = (entry.tried_at or (entry.path,))[0].format(**laid)
    name = "console-" + (entry.path.strip("/").partition("/")[0] or "inbox")

    async def look(stage: Stage) -> list[str]:
        return [*await wrong_with(stage, path, OPERATOR, name), *await axe_on(stage, path, OPERATOR)]

    found = stage.play(look)
    assert not found, "\n".join(found)


def test_case_when_decided_in_the_browser_then_goes_out_and_settles(stage: Stage, laid: dict[str, str]) -> None:
    async def confirm(stage: Stage) -> str:
        page = await (await stage.context(OPERATOR)).new_page()
        await page.goto(stage.home(OPERATOR) + f"/confirm/{laid['frozen']}")
        await page.get_by_role("button", name="确认并签名发送").click()
        await page.wait_for_url(f"**/cases/{laid['here']}?done=1")
        await page.close()
        script = Script(stage.sandbox, lambda *_: None)
        await script.until(lambda: script.stands(laid["here"], "settled"), "the case to be settled")
        shown = await stage.sandbox.gateway.parts.status.show(laid["here"], "")
        return str([step["actor"] for step in shown["steps"] if step["type"] == "transfer.decided"])

    assert stage.play(confirm) == str([ZHEJIANG])
