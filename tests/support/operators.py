"""A served node with stuck cases, its identity provider, and people at browsers of their own."""

import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from structlog.testing import capture_logs
from support.region import tools
from support.stuck import StuckNode, stuck_node

from gateway.app import Gateway, build, serving
from gateway.settings import Settings
from gateway.simulator.identity import identity_host, with_people
from gateway.system import SystemClock, SystemIds
from gateway.web.pages.sign_in import CALLBACK

AGO = timedelta(days=14)
"""What is staged takes eight working days; its own deadlines are later."""
TOKEN = re.compile(r'name="token" value="([^"]+)"')
SEEN = re.compile(r'name="seen" value="([^"]+)"')


@dataclass
class Browser:
    """One person, signed in."""

    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def token(self) -> str:
        found = TOKEN.search((await self.get("/"))[1])
        assert found
        return found[1]

    async def post(self, path: str, form: Any = (), token: str = "", **headers: str) -> tuple[int, str]:
        """Status, and where it leads or the page."""
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"} | headers
        pairs = [("token", token or await self.token()), *(form.items() if isinstance(form, dict) else form)]
        async with self.session.post(self.url + path, data=pairs, headers=sent, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", "") or await answer.text()

    async def freeze(self, listed: str, **form: str) -> tuple[int, str]:
        """Freeze what a list shows."""
        seen = SEEN.search((await self.get(listed))[1])
        assert seen
        return await self.post("/selections", {"seen": seen[1], "rate": "50", "unit": "CN-33", "why": "对方已恢复"} | form)


@dataclass
class Region:
    """The node, and a browser for whoever signs in."""

    node: StuckNode
    gateway: Gateway
    people: str
    member_api: str
    operations: str
    stack: AsyncExitStack
    browsers: dict[str, Browser] = field(default_factory=dict)

    async def browser(self, who: str) -> Browser:
        if who not in self.browsers:
            jar = aiohttp.CookieJar(unsafe=True)  # the addresses are numbers
            session = await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
            self.browsers[who] = Browser(session, self.people)
            assert (await self.browsers[who].get(f"/sign-in/start?hint={who}&to=/"))[0] == 200
        return self.browsers[who]


@asynccontextmanager
async def operating(folder: Path, **settings: Any) -> AsyncIterator[Region]:
    """`settings` replace whole sections."""
    with capture_logs():
        node = await stuck_node(folder, SystemClock().now() - AGO)
        async with AsyncExitStack() as stack:
            provider = await stack.enter_async_context(identity_host(folder / "identity", SystemClock(), SystemIds()))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            made = with_people(Settings.load(node.config), provider).model_copy(update=settings)
            gateway = await build(made, session, SystemClock(), SystemIds(), random.Random(1), tools())
            async with serving(gateway) as addresses, AsyncExitStack() as browsers:
                provider.redirects.add(addresses.people + CALLBACK)
                yield Region(node, gateway, addresses.people, addresses.member_api, addresses.operations, browsers)
