"""A learner's own pages as a telephone without JavaScript gets them."""

import pytest
from playwright.async_api import Response
from support.browser import NARROW, Stage

pytestmark = pytest.mark.acceptance
FIRST_LOAD_BYTES_MAX = 100_000


def test_learner_when_javascript_is_off_then_signs_in_and_reads_why_credits_became_fewer_in_a_light_page(stage: Stage) -> None:
    async def walk(stage: Stage) -> tuple[int, str, str, str]:
        context = await stage.browser.new_context(java_script_enabled=False, viewport=NARROW)
        page = await context.new_page()
        page.set_default_timeout(10_000)
        answers: list[Response] = []

        def note(answer: Response) -> None:
            answers.append(answer)

        page.on("response", note)
        await page.goto(stage.people + "/")
        await page.locator("main a[role=button]").click()
        answers.clear()
        await page.get_by_role("link", name="测试司马镕").click()
        first = page.url
        sizes = [await answer.request.sizes() for answer in answers if answer.url.startswith(stage.people)]
        loaded = sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)
        await page.get_by_role("link", name="江苏学分银行(沙箱) → 浙江学分银行(沙箱)").click()
        chinese = await page.locator("main").inner_text()
        await page.get_by_role("link", name="English").click()
        english = await page.locator("main").inner_text()
        await context.close()
        return loaded, first, chinese, english

    loaded, first, chinese, english = stage.play(walk)
    assert first == stage.people + "/mine"
    assert 3_000 < loaded < FIRST_LOAD_BYTES_MAX
    for text in (
        "管理学基础",
        "3.5 学分 → 认定 3.0 学分",
        "45/16 + 18/32 = 3.375",
        "向下取整到 0.5",
        "规则集 demo-kj 版本",
        "kj-management",
    ):
        assert text in chinese
    for text in (
        "3.5 credits → 3.0 recognised",
        "rounded down to 0.5: 3.375 → 3.0",
        "by rule kj-management",
        "Final: ",
        "Not revoked as of",
    ):
        assert text in english
