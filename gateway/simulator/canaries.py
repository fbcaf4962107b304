"""The sandbox's canaries: at each bank one learner of its own who is only there for them, with a course for each other bank."""

import asyncio
from typing import Final

from gateway.client.canary import Canaries
from gateway.simulator.ledgers import Entry
from gateway.simulator.live import Sandbox
from gateway.simulator.people import MEMBERS, make_learner

FIRST: Final = 9900
"""Learners' numbers that nobody else in the sandbox has."""
TITLES: Final = ("探测课程甲", "探测课程乙", "探测课程丙")


def canaries_of(sandbox: Sandbox) -> dict[str, Canaries]:
    """By member id.  Call it once: it writes the learners into the banks' ledgers."""
    found = {}
    for place, member in enumerate(MEMBERS):
        learner = make_learner(FIRST + place, member, sandbox.chance)
        entries = [Entry("course", f"2023{FIRST + place:05d}{at:02d}", title, 80) for at, title in enumerate(TITLES)]
        sandbox.banks[member].enter(learner, entries)
        found[member] = Canaries(sandbox.connectors[member].office, learner.identity)
    return found


async def keep_singing(sandbox: Sandbox, every_s: float) -> None:
    """Over all twelve ordered pairs, each `every_s`, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for canaries in canaries_of(sandbox).values():
            tasks.create_task(canaries.run(every_s))
