"""Pages for people over a gateway whose cases are made by hand, and browsers of people who sign in at the sandbox's identity provider."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
from support.region import PERSON, World, region

from gateway.listening import PeopleDoor, people_site
from gateway.model.people import Role
from gateway.simulator.identity import IdentityHost, identity_host, with_people
from gateway.simulator.identity_people import PEOPLE, SamplePerson
from gateway.simulator.people import LEARNERS
from gateway.transfers.people import REFUSED
from gateway.web.pages.sign_in import CALLBACK

ANOTHER = LEARNERS["learner-2"].citizen_id
"""Another synthetic number; whose it is has no case here."""
LEARNER = SamplePerson("wang", PERSON.name, (Role.LEARNER,), "", PERSON.citizen_id)


@dataclass
class Here:
    """The region, its provider, and who is signed in by the provider's name for them."""

    world: World
    provider: IdentityHost
    site: Any
    url: str
    browsers: dict[str, aiohttp.ClientSession] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def sign_in(self, who: str, to: str = "/") -> tuple[int, str]:
        """In a browser of their own; status and text of the page that they come to."""
        if who not in self.browsers:
            jar = aiohttp.CookieJar(unsafe=True)  # the addresses are numbers
            self.browsers[who] = await self._stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        return await self.get(who, f"/sign-in/start?hint={who}&to={to}")

    async def get(self, who: str, path: str) -> tuple[int, str]:
        async with self.browsers[who].get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def post(self, who: str, path: str) -> tuple[int, str]:
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        async with self.browsers[who].post(self.url + path, data={}, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def refusals(self) -> list[tuple[str, str, str, str]]:
        """Newest first: person, act, object, reason."""
        found = await self.site.people.acts(most=500)
        return [(row.person, row.act, row.object, row.reason) for row in found if row.outcome == REFUSED]

    def known(self, *people: SamplePerson) -> None:
        """Let the provider know these, too."""
        self.provider.people = (*self.provider.people, *people)


@asynccontextmanager
async def learners(folder: Path, **settings: Any) -> AsyncIterator[Here]:
    """`settings`: what the gateway's `[people]` has otherwise than the sandbox's."""
    async with region(folder) as world, identity_host(folder / "identity", world.clock, world.ids) as provider:
        provider.people = (*PEOPLE, LEARNER, replace(LEARNER, subject="li", citizen_id=ANOTHER))
        gateway = world.gateway
        made = with_people(gateway.settings, provider)
        made = made.model_copy(update={"people": made.people.model_copy(update=settings)})
        what = (made, gateway.parts, gateway.database, gateway.registry, world.clock, world.ids)
        door, gateway.parts.base_url = PeopleDoor(*what), "http://127.0.0.1:1"
        try:
            url = await door.open()
            provider.redirects.add(url + CALLBACK)
            here = Here(world, provider, people_site(*what), url)
            async with here._stack:
                yield here
        finally:
            await door.close()
