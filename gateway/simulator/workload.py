"""What learners and banks' people do during a run: apply, withdraw, ask again, offer one certificate twice.

Everything is drawn from the seed.  People are patient: where their bank's connector is down they wait, and
where it died under their hands they ask once more, as people do.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import permutations
from random import Random
from typing import Any, TypeAlias

from gateway.client.bank import Application
from gateway.client.store import Outgoing
from gateway.errors import GatewayError, StorageError
from gateway.model.documents import Withdrawal
from gateway.simulator.applications import Counter
from gateway.simulator.banks import Programme
from gateway.simulator.conduct import AIMS, AIMS_AWAY, Aim, Conduct, Life, Look
from gateway.simulator.faults import DAY, HOURS, Fault, Tempo
from gateway.simulator.hosts import BankHost
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import ANHUI, JIANGSU, MEMBERS, SHANGHAI, ZHEJIANG, Learner, make_learner
from gateway.simulator.rivals import Rivals
from gateway.simulator.rulings import Docket, Rulings
from gateway.simulator.script import COURSES, certificate_number

PAIRS = tuple(permutations(MEMBERS, 2))
Step: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
ASK_AGAIN_S = 600.0
TRIES = 3
ENQUIRING = 0.3
APPLY_THERE = 2


class Workload:
    """One run's.  `learners` are all there are; `opened` maps a transfer to the bank that opened it."""

    def __init__(
        self,
        banks: Mapping[str, BankHost],
        ids: Any,
        chance: Callable[[str], Random],
        met: Tally[str],
        look: Look,
        docket: Docket,
        presiding: Callable[[frozenset[str]], str | None],
    ) -> None:
        self._banks = banks
        self._chance = chance("people")
        self._met = met
        self._ids = ids
        self._tempo = HOURS
        self._until_s = 0.0
        self._first_aim = 0
        self._number = 0
        self.conduct = Conduct(banks, self.ask, look, presiding, met)
        self.rivals = Rivals(chance("rivals"), met, look, self.enter, self.apply, self._look_after)
        self.rulings = Rulings(self.ask, docket, chance("rulings"), met)
        self.learners: list[Learner] = []
        self.opened: dict[str, str] = {}
        self._consents: dict[str, str] = {}

    def plan(self, storm_s: float, tempo: Tempo, away: Fault | None, *, consent_ends: bool) -> list[tuple[float, Step]]:
        """`(when, what)`: the cases over the pairs in turn, one race, rivals, and what comes after a case was opened."""
        chance = self._chance
        self._tempo, self._until_s = tempo, storm_s
        cases, first_pair = chance.randrange(*tempo.cases), chance.randrange(len(PAIRS))
        self._first_aim = chance.randrange(len(AIMS))
        work: list[tuple[float, Step]] = []
        for number in range(cases):
            source, accepting = PAIRS[(first_pair + number * 5) % len(PAIRS)]
            at = chance.random() * storm_s * 0.8
            programme = chance.choice((Programme.OPEN, Programme.OPEN, Programme.STRICT, Programme.CLOSED, Programme.SLOW))
            lasting = timedelta(seconds=chance.choice((300.0, 7200.0, storm_s))) if consent_ends and number % 3 == 0 else None
            work.append((at, partial(self._case, source, accepting, programme, pulled=chance.random() < 0.5, lasting=lasting)))
        if chance.random() < 0.6:
            work.append((chance.random() * storm_s * 0.8, self._race))
        if away is not None:
            others = [member for member in MEMBERS if member != away.who]
            for aim in chance.sample(AIMS_AWAY, APPLY_THERE):
                case = partial(self._case, chance.choice(others), away.who, Programme.OPEN, pulled=False, lasting=None, aim=aim)
                work.append((away.at + chance.random() * 2 * DAY, case))
        rivals = self.rivals.plan(storm_s, tempo)
        if rivals:
            work += [*rivals, (0.0, partial(self.rulings.sit, tempo.waits_s, storm_s))]
        return work

    def learner(self, home: str, *entries: Entry) -> Learner:
        """Somebody new, with these achievements in the bank's books."""
        learner = make_learner(self._number, home, self._chance)
        self._number += 1
        self.enter(learner, home, entries)
        return learner

    def enter(self, learner: Learner, home: str, entries: Sequence[Entry]) -> None:
        """Put a learner's achievements in a bank's books."""
        self.learners.append(learner)
        self._banks[home].bank.enter(learner, entries)

    async def _case(
        self, source: str, accepting: str, programme: Programme, *, pulled: bool, lasting: timedelta | None, aim: Aim | None = None
    ) -> None:
        """A learner with a course, mostly a certificate too; now and then without an account, or with records under review."""
        chance, number = self._chance, self._number
        entries = [Entry("course", f"2023{number:07d}", chance.choice(COURSES), 70 + chance.randrange(30))]
        if chance.random() < 0.7:
            entries.append(Entry("certificate", f"2022{number:06d}", "养老护理员", 80, certificate_number(source, number)))
        learner = self.learner(source, *entries)
        if chance.random() < 0.9:
            self._banks[accepting].bank.enrol(learner)
        if pulled and chance.random() < 0.15:
            self._banks[source].bank.review(learner)
        facing = accepting if pulled else source
        after = chance.choice(("live", "live", "live", "live", "live", "nothing", "withdraw", "again"))
        wait_s = chance.choice((1.0, 60.0, 3600.0)) * chance.random()
        own, acts = Random(f"{chance.random()}"), chance.randrange(1, self._tempo.acts_max + 1)  # noqa: S311 (a simulation's chance)

        def make(counter: Counter) -> Application:
            bank = self._banks[source].bank
            given = counter.pulled(bank, accepting, learner, programme) if pulled else counter.pushed(bank, accepting, learner, programme)
            return given if lasting is None else _ending(given, lasting)

        records = self._banks[source].bank.record_ids(learner)
        if pulled and own.random() < ENQUIRING:
            await self._enquire(source, accepting, learner)
        message = await self._open(facing, make)
        if message is None:
            return
        if aim is None and own.random() < self._tempo.aims:
            aim = AIMS[(number + self._first_aim) % len(AIMS)]
        life = Life(message.scope, learner, source, accepting, facing, records, self._consents[message.scope], aim)
        self.conduct.lives[life.transfer] = life
        if after == "live" or aim is not None:
            await self._live(life, own, acts)
        elif after != "nothing":
            await asyncio.sleep(wait_s)
            await self._change_of_mind(life, message, withdraws=after == "withdraw")

    async def _live(self, life: Life, own: Random, acts: int) -> None:
        await self.conduct.live(life, own, acts, self._tempo.waits_s, self._until_s)
        if own.random() < 0.5:
            await self._apply_again(life)

    async def _change_of_mind(self, life: Life, message: Outgoing, *, withdraws: bool) -> None:
        """At once, or while the request is still under way: it is taken back, or sent once more."""
        if withdraws:
            self._met["withdrawal asked"] += 1
            why = Withdrawal("learner_request", "学习者要求撤回")
            await self.ask(life.facing, lambda bank: bank.connector.withdraw(life.transfer, why))
        else:
            self._met["asked again"] += 1
            await self.ask(life.facing, lambda bank: bank.connector.resend(message.jti))

    async def _apply_again(self, life: Life) -> None:
        """The same records once more, at another bank, which asks for them: what is spent or taken there is nothing to be had here."""
        accepting = next(member for member in MEMBERS if member not in {life.source, life.accepting})
        self._met["applied again"] += 1
        await self.apply(life.source, accepting, life.learner, pulled=True)

    async def _race(self) -> None:
        """One certificate, recorded at two banks, offered by both at the same moment."""
        number = self._number
        certificate = certificate_number(JIANGSU, number)
        learner = self.learner(JIANGSU, Entry("certificate", f"2022{number:06d}", "养老护理员", 80, certificate))
        self._banks[ANHUI].bank.enter(learner, [Entry("certificate", f"race{number}", "养老护理员", 80, certificate)])
        self._met["race"] += 1
        async with asyncio.TaskGroup() as both:
            both.create_task(self.apply(JIANGSU, SHANGHAI, learner))
            both.create_task(self.apply(ANHUI, ZHEJIANG, learner))

    async def apply(
        self,
        source: str,
        accepting: str,
        learner: Learner,
        programme: Programme = Programme.OPEN,
        *,
        pulled: bool = False,
        aim: Aim | None = None,
    ) -> Life | None:
        """The learner applies with everything the source bank has, there or, where it is `pulled`, at the accepting bank."""
        bank = self._banks[source].bank
        self._banks[accepting].bank.enrol(learner)
        facing, records = accepting if pulled else source, bank.record_ids(learner)

        def make(counter: Counter) -> Application:
            return counter.pulled(bank, accepting, learner, programme) if pulled else counter.pushed(bank, accepting, learner, programme)

        message = await self._open(facing, make)
        if message is None:
            return None
        life = Life(message.scope, learner, source, accepting, facing, records, self._consents[message.scope], aim)
        self.conduct.lives[life.transfer] = life
        return life

    async def _look_after(self, life: Life, own: Random, acts: int) -> None:
        await self.conduct.live(life, own, acts, self._tempo.waits_s, self._until_s)

    async def _open(self, facing: str, make: Callable[[Counter], Application]) -> Outgoing | None:
        async def submit(bank: BankHost) -> Outgoing:
            application = make(Counter(bank.setup.clock, self._ids))
            message = await bank.connector.submit(application)
            self._consents[message.scope] = application.consent.consent_id
            return message

        message: Outgoing | None = await self.ask(facing, submit)
        if message is not None:
            self.opened[message.scope] = facing
        return message

    async def _enquire(self, source: str, facing: str, learner: Learner) -> None:
        """What has the learner there?  Asked before anybody applies, and answered some time."""
        self._met["enquired"] += 1

        async def enquired(bank: BankHost) -> None:
            counter = Counter(bank.setup.clock, self._ids)
            await bank.connector.enquire(counter.question(source, facing, learner))

        await self.ask(facing, enquired)

    async def ask(self, member: str, what: Callable[[BankHost], Coroutine[Any, Any, Any]]) -> Any:
        """Have the bank's connector do it.  Whoever does not hear that it was done asks again."""
        bank = self._banks[member]
        for _ in range(TRIES):
            await bank.standing()
            task = bank.spawn(what(bank))
            await asyncio.wait([task])
            fault = None if task.cancelled() else task.exception()
            if not task.cancelled() and fault is None:
                return task.result()
            if fault is not None and not isinstance(fault, StorageError):
                bank.unexpected.append(f"{member} could not be asked: {_named(fault)}")
                return None
            self._met["asked a dying connector"] += 1
            if isinstance(fault, StorageError):
                bank.die("its disk failed")
            await asyncio.sleep(ASK_AGAIN_S)
        return None


def _ending(application: Application, lasting: timedelta) -> Application:
    """Both consents end that soon."""
    consent, source = application.consent, application.consent_source
    return replace(
        application,
        consent=replace(consent, expires_at=consent.given_at + lasting),
        consent_source=replace(source, expires_at=source.given_at + lasting) if source is not None else None,
    )


def _named(fault: BaseException) -> str:
    return fault.code if isinstance(fault, GatewayError) else f"{type(fault).__name__}: {fault}"
