"""The presiding unit's people before a contested outcome: they look at what waits for them and say whose it is, or nobody's.

Mostly at once, now and then on what they looked at a while ago: the contest may have moved on meanwhile, and
then the ruling is refused.  They know no more than the list tells them, so it is chance that judges.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, TypeAlias

from gateway.model.documents import Clearance
from gateway.simulator.conduct import Ask

Docket: TypeAlias = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]
"""Every contested outcome as the list has it, with the member that presides; none while the gateway does not answer."""
LOOKS_MAX: Final = 40
RULES: Final = 0.6
LATE: Final = 0.3
NOBODYS: Final = 0.25
REASON, TEXT = "other", "经向两行核实"


class Rulings:
    """One run's.  Without rivals there is nothing to rule on."""

    def __init__(self, ask: Ask, docket: Docket, chance: Random, met: Tally[str]) -> None:
        self._ask = ask
        self._docket = docket
        self._chance = chance
        self._met = met

    async def sit(self, waits_s: Sequence[float], until_s: float) -> None:
        """Look at the list now and then, while it storms."""
        chance, loop = self._chance, asyncio.get_running_loop()
        for _ in range(LOOKS_MAX):
            await asyncio.sleep(chance.choice(waits_s) * chance.random())
            if loop.time() > until_s:
                return
            for outcome in await self._docket():
                if outcome["waits_for"] == "ruling" and chance.random() < RULES:
                    await asyncio.sleep(chance.choice(waits_s) * chance.random() if chance.random() < LATE else 0.0)
                    await self.rule(outcome)

    async def rule(self, outcome: Mapping[str, Any]) -> None:
        """On the contest as it was looked at; nobody does where nobody presides."""
        member = outcome["presiding_unit"]
        if member is not None:
            ruling = judged(outcome["claims"], self._chance)
            self._met["people clear"] += 1
            await self._ask(member, lambda host: host.connector.rule(outcome["outcome"], outcome["ver"], ruling))


def judged(claims: Sequence[Mapping[str, Any]], chance: Random) -> Clearance:
    """One of the claims that are left stands, or none does: always so where none is left."""
    left = [claim for claim in claims if claim["live"]]
    if not left or chance.random() < NOBODYS:
        return Clearance(REASON, TEXT)
    claim = chance.choice(left)
    return Clearance(REASON, TEXT, claim["transfer"], claim["record"])
