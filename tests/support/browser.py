"""A real Chromium (`chromium` finds it) over a running sandbox: driven on a thread of its own, asked the same of every page.

Sandbox and browser live on one event loop in one thread, so that ordinary tests of this process have theirs to themselves.
What is asked: no CSP violation, no request to elsewhere, nothing on the console, axe clean, no sideways scrolling at 200 % text and
at 390 px, targets of 44 px, no Chinese left on an English page.  Screenshots go to `var/screenshots/`.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from support.mine_pages import mine_pages
from support.rule_pages import two_versions
from support.stuck_pages import stuck_pages
from support.tree import ROOT
from support.vendoring import PACKAGES

from gateway.simulator.banks import Programme
from gateway.simulator.canaries import canaries_of
from gateway.simulator.live import Sandbox, running
from gateway.simulator.people import JIANGSU, LEARNERS, SHANGHAI
from gateway.simulator.reckoning import transfers_of
from gateway.simulator.script import Script
from gateway.web.pages.table import PAGES
from gateway.web.pages.table import Page as Entry

SHOTS = ROOT / "var" / "screenshots"
AXE = next(package.place / "axe.min.js" for package in PACKAGES if package.name == "axe-core")
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WAIT_S = 120.0
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (e) => window.__violations.push(e.violatedDirective + " " + e.blockedURI));
"""
TARGETS = """() => [...document.querySelectorAll('button, [role="button"], header a, nav a, select, input:not([type="hidden"])')]
  .filter((e) => e.checkVisibility() && !e.closest('.unseen, #api') && !e.classList.contains('skip'))
  .map((e) => [(['checkbox', 'radio'].includes(e.type) && e.closest('label')) || e, e])
  .filter(([box]) => { const r = box.getBoundingClientRect(); return r.height < 43.5 || r.width < 43.5; })
  .map(([, e]) => e.outerHTML.slice(0, 120))"""
CHINESE = """() => { const found = []; const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const text = walk.currentNode.textContent; const place = walk.currentNode.parentElement;
    if (/[\\u4e00-\\u9fff]/.test(text) && place.closest('[lang]').lang.startsWith('en')) found.push(text.trim().slice(0, 60)); }
  return found; }"""
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
T = TypeVar("T")


@dataclass
class Stage:
    """The running sandbox and the browser.  Tests call `play` with a coroutine function that takes the stage."""

    chromium: str
    folder: Path
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    samples: dict[str, str] = field(default_factory=dict)
    sandbox: Sandbox = field(init=False)
    browser: Browser = field(init=False)
    _contexts: dict[tuple[str, bool], BrowserContext] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def play(self, scene: Callable[["Stage"], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(scene(self), self.loop).result(WAIT_S)

    @property
    def people(self) -> str:
        return self.sandbox.addresses["people"]

    def home(self, role: str) -> str:
        """Where that role's pages are: a bank's operator's are the bank's own console."""
        found = urlsplit(self.sandbox.addresses[role or "people"])
        return f"{found.scheme}://{found.netloc}"

    async def set_up(self) -> None:
        self.sandbox = await self._stack.enter_async_context(running(self.folder, random.Random(1)))
        playwright = await self._stack.enter_async_context(async_playwright())
        self.browser = await playwright.chromium.launch(executable_path=self.chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        self._stack.push_async_callback(self.browser.close)
        await self._traffic()

    async def tear_down(self) -> None:
        await self._stack.aclose()

    async def _traffic(self) -> None:
        """Something to look at: cases over all pairs, some refused, one that lies at the accepting bank.  `samples` names some of them."""
        script = Script(self.sandbox, lambda *_: None)
        self.samples["rule"] = await two_versions(script)
        await script.every_pair()
        await script.unhappy_ends()
        await script.withdrawal()
        learner = script.learner(SHANGHAI, enrolled=JIANGSU, known=LEARNERS["learner-2"])
        slow = script._counter.pushed(self.sandbox.banks[SHANGHAI], JIANGSU, learner, Programme.SLOW)
        message = await script.open("slow", SHANGHAI, slow)

        async def quiet() -> bool:
            rows = await transfers_of(self.sandbox.gateway)
            open_ = [row for row in rows if row["state"] not in {"settled", "rejected", "withdrawn"}]
            return [(row["transfer"], row["state"]) for row in open_] == [(message.scope, "reviewing")]

        await script.until(quiet, "the cases to be settled")
        for canaries in canaries_of(self.sandbox).values():
            for accepting in canaries.others():
                await canaries.send(accepting)

        async def answered() -> bool:
            board = await self.sandbox.gateway.parts.canaries.board()
            return all(each.sound.value == "good" for each in board)

        await script.until(answered, "the canaries to be answered")
        settled = next(row["transfer"] for row in await transfers_of(self.sandbox.gateway) if row["state"] == "settled")
        self.samples |= {"transfer": settled, "waiting": message.scope}
        self.samples |= await stuck_pages(self.sandbox.gateway)
        self.samples |= await mine_pages(self.sandbox.gateway, LEARNERS["learner"])

    async def context(self, role: str, *, bypass: bool = False) -> BrowserContext:
        """A browser of somebody who is signed in as `role` ("" nobody); kept for the session."""
        if (role, bypass) not in self._contexts:
            context = await self.browser.new_context(bypass_csp=bypass, reduced_motion="reduce", locale="zh-CN", viewport=WIDE)
            await context.add_init_script(WATCH)
            if role:
                page = await context.new_page()
                await page.goto(self.sandbox.addresses[role])
                await page.close()
            self._contexts[role, bypass] = context
        return self._contexts[role, bypass]

    def addresses(self, entry: Entry) -> list[str]:
        return [path.format(**self.samples) for path in entry.tried_at or (entry.path,)]


async def start_page(context: BrowserContext, people: str, wrong: list[str]) -> Page:
    """A page whose console, requests and failures are written down in `wrong`."""
    page = await context.new_page()
    ours = (people, "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(ours) else wrong.append(f"outside: {request.url}"))
    page.on("console", lambda line: wrong.append(f"console: {line.text}") if line.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    return page


async def wrong_with(stage: Stage, path: str, role: str, name: str, status: int = 200) -> list[str]:
    """Everything wrong with one page, in both languages and at both widths; its screenshots are taken on the way."""
    wrong: list[str] = []
    page = await start_page(await stage.context(role), stage.home(role), wrong)
    refused = f"status of {status}"  # how the console tells of a refusal that is wanted
    for language in ("zh", "en"):
        url = stage.home(role) + path + ("" if language == "zh" else ("&" if "?" in path else "?") + "lang=en")
        answer = await page.goto(url)
        assert answer is not None
        if answer.status != status:
            wrong.append(f"{language}: status {answer.status}")
        for size in (WIDE, NARROW):
            await page.set_viewport_size(size)
            await page.wait_for_timeout(80)
            await page.screenshot(path=SHOTS / f"{name}-{language}-{size['width']}.png", full_page=True)
            if (over := await page.evaluate(SIDEWAYS)) > 0:
                wrong.append(f"{language} at {size['width']}: {over} px to the side")
        wrong += [f"{language}: target under 44 px: {each}" for each in await page.evaluate(TARGETS)]
        wrong += [f"{language}: CSP {each}" for each in await page.evaluate("window.__violations")]
        if language == "en":
            wrong += [f"en: Chinese left: {each}" for each in await page.evaluate(CHINESE)]
        await page.set_viewport_size(WIDE)
        await page.evaluate("document.documentElement.style.fontSize = '200%'")
        if (over := await page.evaluate(SIDEWAYS)) > 0:
            wrong.append(f"{language} at 200 % text: {over} px to the side")
    await page.close()
    return [each for each in wrong if status == 200 or refused not in each]


async def axe_on(stage: Stage, path: str, role: str) -> list[str]:
    """What axe-core finds, in a context that lets it be injected.

    What Swagger UI draws is not ours to mend; the document it draws can be had beside it.
    """
    page = await (await stage.context(role, bypass=True)).new_page()
    found: list[str] = []
    for size, query in ((WIDE, ""), (NARROW, ("&" if "?" in path else "?") + "lang=en")):
        await page.set_viewport_size(size)
        await page.goto(stage.home(role) + path + query)
        await page.add_script_tag(path=AXE)
        result = await page.evaluate("(rules) => axe.run({exclude: ['#api']}, {runOnly: rules, resultTypes: ['violations']})", AXE_RULES)
        found += [f"axe {each['id']}: {node['html'][:160]}" for each in result["violations"] for node in each["nodes"]]
    await page.close()
    return found


def every_page() -> list[Entry]:
    return list(PAGES)


def start(chromium: str, folder: Path) -> tuple[Stage, Callable[[], None]]:
    """The stage, set up, and what ends it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    stage = Stage(chromium, folder)
    thread = threading.Thread(target=stage.loop.run_forever, name="stage")
    thread.start()

    def end() -> None:
        try:
            stage.play(Stage.tear_down)
        finally:
            stage.loop.call_soon_threadsafe(stage.loop.stop)
            thread.join()
            stage.loop.close()

    try:
        stage.play(Stage.set_up)
    except BaseException:
        end()
        raise
    return stage, end
