"""A bank's console over a connector of `support.connectors`, on a real socket, with the sandbox's identity provider and one visitor."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import aiohttp
from support.connectors import Region, four_banks
from support.proposals import PROGRAMME, in_force, management
from support.region import region
from support.stages import ACCEPTING, SOURCE

from gateway.client.console_book import Book
from gateway.client.selection_book import SelectionBook
from gateway.client.store import Outgoing
from gateway.listening import ConsoleDoor
from gateway.settings import Console
from gateway.simulator.identity import identity_host
from gateway.transfers.people import Limits, People
from gateway.web.pages.sign_in import CALLBACK

FIELD = re.compile(r'<input(?=[^>]* name="([^"]+)")(?=[^>]* value="([^"]*)")([^>]*)>')
SELECT = re.compile(r'<select name="([^"]+)">(.*?)</select>', re.DOTALL)
CHOSEN = re.compile(r'<option value="([^"]*)" selected>')
LIMITS = Limits(timedelta(hours=1), timedelta(hours=1), 5, timedelta(hours=1))
FORM = '<form method="post" action="{}'


@dataclass
class Browser:
    """Pages as somebody without JavaScript uses them: `form` reads what a form would send, `post` sends it and follows."""

    url: str
    browser: aiohttp.ClientSession

    async def get(self, path: str) -> tuple[int, str]:
        async with self.browser.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, form: dict[str, str] | list[tuple[str, str]]) -> tuple[int, str, str]:
        """Status, where it led, text."""
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        async with self.browser.post(self.url + path, data=form, headers=headers) as answer:
            return answer.status, str(answer.url).removeprefix(self.url), await answer.text()

    async def sign_in(self, who: str) -> tuple[int, str]:
        return await self.get(f"/sign-in/start?hint={who}")


def form_of(text: str, action: str) -> dict[str, str]:
    """What the form with that target sends when nothing is changed: hidden and text fields, ticked buttons, selected options."""
    start = text.index(FORM.format(action))
    inside = text[start : text.index("</form>", start)]
    found = {
        name: unescape(value)
        for name, value, rest in FIELD.findall(inside)
        if not re.search(r'type="(?:radio|checkbox)"', inside[inside.index(f'name="{name}"') - 40 :][:120]) or "checked" in rest
    }
    found |= dict(re.findall(r'type="radio" name="([^"]+)" value="([^"]+)" checked', inside))
    for name, options in SELECT.findall(inside):
        chosen = CHOSEN.search(options)
        found[name] = chosen[1] if chosen else ""
    return found


@dataclass
class Premises:
    """The accepting bank's console; `banks` are the four banks, of which it and the source bank have connectors."""

    banks: Region
    page: Browser
    book: Book
    people: People
    selections: SelectionBook

    async def case(self, number: int = 0, *, until: str = "reviewing") -> Outgoing:
        """A case towards the bank, with an estimate, delivered and waiting."""
        learner = self.banks.learner(SOURCE, ACCEPTING, number)
        application = self.banks.counter.pushed(self.banks.banks[SOURCE], ACCEPTING, learner)
        request = replace(application.request, programme_code=PROGRAMME)
        message = await self.banks.connectors[SOURCE].submit(replace(application, request=request))
        await self.settle(message.scope, until)
        return message

    async def settle(self, transfer: str, state: str) -> None:
        """Let both banks work until the case stands so at the gateway, and the accepting bank knows of a case under review."""

        async def stands() -> bool:
            row = await self.banks.connectors[ACCEPTING].store.case(transfer)
            heard = row is not None and row.state == state
            return await self.banks.state(transfer) == state and (heard or state not in {"reviewing", "withdrawn"})

        await self.banks.work(SOURCE, ACCEPTING, until=stands)


@asynccontextmanager
async def premises(folder: Path) -> AsyncIterator[Premises]:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(region(folder / "g"))
        in_force(world, management())
        banks = await stack.enter_async_context(four_banks(world))
        provider = await stack.enter_async_context(identity_host(folder / "identity", world.clock, world.ids))
        await banks.connect(SOURCE)
        connector = await banks.connect(ACCEPTING)
        banks.banks[ACCEPTING].people_decide = True
        database = banks.databases[ACCEPTING]
        selections = SelectionBook(database, world.clock)
        door = ConsoleDoor(Console.of({**provider.settings, "port": 0}), connector, database, world.clock, world.ids, selections)
        stack.push_async_callback(door.close)
        url = await door.open()
        provider.redirects.add(url + CALLBACK)
        browser = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)))
        book = Book(database, ACCEPTING, world.clock, world.ids)
        yield Premises(banks, Browser(url, browser), book, People(database, world.clock, world.ids, LIMITS), selections)
