"""Every page of the table, in a real Chromium, in both languages, wide and narrow.  A new page is covered by being in the table."""

import re

import pytest
from support.browser import Stage, axe_on, every_page, wrong_with

pytestmark = pytest.mark.acceptance
CASES = every_page()


def name_of(path: str, role: str) -> str:
    return "-".join(filter(None, [role or "anybody", *re.findall(r"\w+", path.partition("?")[0])])) or "root"


@pytest.mark.parametrize("entry", CASES, ids=lambda entry: entry.path)
def test_page_when_opened_in_a_browser_then_nothing_is_wrong_with_it(stage: Stage, entry) -> None:
    async def look(stage: Stage) -> list[str]:
        found: list[str] = []
        for at, path in enumerate(stage.addresses(entry)):
            name = name_of(entry.path, entry.tried_as) + (f"-{at}" if at else "")
            found += [f"{path}: {each}" for each in await wrong_with(stage, path, entry.tried_as, name)]
            found += [f"{path}: {each}" for each in await axe_on(stage, path, entry.tried_as)]
        return found

    found = stage.play(look)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("role", "path", "status"), [("viewer", "/nothing-here", 404), ("", "/nothing-here", 404), ("viewer", "/?csv=none", 404)]
)
def test_refusal_when_opened_in_a_browser_then_a_page_like_the_others(stage: Stage, role: str, path: str, status: int) -> None:
    async def look(stage: Stage) -> list[str]:
        name = name_of(path, role) + f"-{status}"
        return [*await wrong_with(stage, path, role, name, status), *await axe_on(stage, path, role)]

    found = stage.play(look)
    assert not found, "\n".join(found)


def test_site_when_javascript_is_off_then_sign_in_reading_and_sign_out_work(stage: Stage) -> None:
    async def walk(stage: Stage) -> list[str]:
        context = await stage.browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        await page.goto(stage.people + "/")
        await page.locator("main a[role=button]").click()
        await page.get_by_role("link", name="测试操作员(江苏)").click()
        seen = [page.url, str(await page.locator("#states tbody tr").count()), str(await page.locator(".who").inner_text())]
        async with page.expect_download() as waiting:
            await page.locator("#states figcaption a").click()
        seen.append((await waiting.value).suggested_filename)
        await page.get_by_role("button", name="退出").click()
        seen.append(await page.locator("h1").inner_text())
        await context.close()
        return seen

    url, rows, who, file, after = stage.play(walk)
    assert (url, rows, file, after) == (stage.people + "/", "12", "states.csv", "登录")
    assert "CN-32" in who
