"""Two learners, sometimes three, whose banks' records bear one certificate number, and who apply with it.

One of the records is wrong; nobody but a person can say which.  The second applies at the same moment, or
once the first case is under review, decided or booked, at the same accepting bank or another.  All chance
is a stream of their own: a run without rivals is the run it would have been.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final, Protocol, TypeAlias

from gateway.model.transfer import CLOSED, State
from gateway.simulator.banks import Programme
from gateway.simulator.conduct import Aim, Life, Look
from gateway.simulator.faults import Tempo
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import ANHUI, JIANGSU, MEMBERS, ZHEJIANG, Learner, make_learner
from gateway.simulator.script import COURSES, certificate_number

FIRST_NUMBER: Final = 5000
"""Rivals are numbered from here on, so that everybody else keeps his number."""
RIVALS: Final = 0.25
"""How often a run has some."""
A_THIRD: Final = 0.25
A_COURSE: Final = 0.4
WITH_ADO: Final = 0.4
EARLY: Final = 0.2
ADO_MAX: Final = 4
NUMBERED: Final = (JIANGSU, ZHEJIANG, ANHUI)
"""Banks that record the number of a skill certificate."""
BY_ISSUER: Final = 0.2
"""How often it is an older number, which is one of its issuer's: two learners of Jiangsu, which records the issuer's code."""
REVIEWED: Final = frozenset(State) - {State.CONFIRMING, State.DELIVERING}
DECIDED: Final = REVIEWED - {State.REVIEWING, State.SUPPLEMENTING}
AT_ONCE: Final[frozenset[State]] = frozenset()
STAGES: Final = (AT_ONCE, AT_ONCE, REVIEWED, DECIDED, CLOSED, CLOSED, CLOSED)
"""The states of the case before, one of which the next learner waits for."""
LOOKS_MAX: Final = 40
"""Looks at the case before, after which the next one applies all the same."""

Enter: TypeAlias = Callable[[Learner, str, Sequence[Entry]], None]
"""A learner, the bank, the entries there."""


class Apply(Protocol):
    """From source to accepting bank, which asks for the records where they are `pulled`; None where nobody could be asked."""

    async def __call__(
        self, source: str, accepting: str, learner: Learner, programme: Programme, *, pulled: bool, aim: Aim | None
    ) -> Life | None: ...


Live: TypeAlias = Callable[[Life, Random, int], Awaitable[None]]
"""So many looks at a case."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One learner's: from where to where, asked for or sent, with a course too, after which states of the case before.

    `acts`: how much ado there is about the case, once all have applied or, where it is `early`, before.  `swift`: nobody lets it lie.
    """

    source: str
    accepting: str
    programme: Programme
    pulled: bool
    course: str
    after: frozenset[State]
    acts: int
    early: bool
    swift: bool = False


class Rivals:
    """One run's."""

    def __init__(self, chance: Random, met: Tally[str], look: Look, enter: Enter, apply: Apply, live: Live) -> None:
        self._chance = chance
        self._met = met
        self._look = look
        self._enter = enter
        self._apply = apply
        self._live = live
        self._pause_s = 0.0

    def plan(self, storm_s: float, tempo: Tempo) -> list[tuple[float, Callable[[], Any]]]:
        """`(when, what)`: nothing in most runs."""
        chance = self._chance
        if chance.random() >= RIVALS:
            return []
        self._pause_s = storm_s / LOOKS_MAX / 2
        by_issuer = chance.random() < BY_ISSUER
        claims = [self._claim(place, by_issuer=by_issuer, tempo=tempo) for place in range(2 + (chance.random() < A_THIRD))]
        if claims[1].after == CLOSED:  # mostly it is something booked then
            claims[0] = replace(claims[0], programme=Programme.OPEN, early=False, swift=True)
        certificate = certificate_number(ZHEJIANG if by_issuer else JIANGSU, FIRST_NUMBER)
        return [(chance.random() * storm_s * 0.4, partial(self._contend, claims, certificate))]

    def _claim(self, place: int, *, by_issuer: bool, tempo: Tempo) -> Claim:
        chance = self._chance
        source = JIANGSU if by_issuer else chance.choice(NUMBERED)
        accepting = chance.choice([member for member in MEMBERS if member != source])
        programme = chance.choice((Programme.OPEN, Programme.OPEN, Programme.OPEN, Programme.STRICT, Programme.SLOW, Programme.CLOSED))
        course = chance.choice(COURSES) if chance.random() < A_COURSE else ""
        acts = chance.randrange(1, min(tempo.acts_max, ADO_MAX) + 1) if chance.random() < WITH_ADO else 0
        after, early = chance.choice(STAGES) if place else AT_ONCE, chance.random() < EARLY
        return Claim(source, accepting, programme, chance.random() < 0.4, course, after, acts, early)

    async def _contend(self, claims: Sequence[Claim], certificate: str) -> None:
        """Each applies in turn, and each case has its people."""
        self._met["rivals"] += 1
        all_applied = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            applied: list[asyncio.Future[Life | None]] = []
            for number, claim in enumerate(claims, FIRST_NUMBER):
                if claim.after:
                    await self._wait(await applied[-1], claim.after)
                applied.append(asyncio.get_running_loop().create_future())
                tasks.create_task(self._press(claim, number, certificate, applied[-1], all_applied))
            await asyncio.wait(applied)
            all_applied.set()

    async def _press(
        self, claim: Claim, number: int, certificate: str, applied: asyncio.Future[Life | None], all_applied: asyncio.Event
    ) -> None:
        learner = make_learner(number, claim.source, self._chance)
        entries = [Entry("certificate", f"2022{number:06d}", "养老护理员", 80, certificate)]
        if claim.course:
            entries.append(Entry("course", f"2023{number:07d}", claim.course, 85))
        self._enter(learner, claim.source, entries)
        aim = Aim() if claim.swift else None
        life = await self._apply(claim.source, claim.accepting, learner, claim.programme, pulled=claim.pulled, aim=aim)
        applied.set_result(life)
        if life is not None and claim.acts:
            if not claim.early:
                await all_applied.wait()
            await self._live(replace(life, aim=None), self._chance, claim.acts)

    async def _wait(self, life: Life | None, states: frozenset[State]) -> None:
        """Until the case stands in one of these; not for ever."""
        for _ in range(LOOKS_MAX):
            case = await self._look(life.transfer) if life is not None else None
            if case is not None and case["state"] in states:
                return
            await asyncio.sleep(self._pause_s)
