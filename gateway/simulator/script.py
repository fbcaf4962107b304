"""The scenes of the demonstration, played by real connectors against a real gateway.

Every scene opens cases or sends bad messages and checks at once what can be checked at once; what takes
its time is waited for, with a bound.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import permutations
from typing import TypeAlias

from gateway.client.bank import Application, Supply
from gateway.client.store import Outgoing
from gateway.errors import PeerError
from gateway.model.documents import Withdrawal
from gateway.model.local import PartManifest
from gateway.simulator.applications import Counter
from gateway.simulator.banks import Programme
from gateway.simulator.ledgers import PERIOD, Entry
from gateway.simulator.live import Sandbox
from gateway.simulator.people import ANHUI, JIANGSU, LEARNERS, MEMBERS, SHANGHAI, ZHEJIANG, Learner, make_learner
from gateway.simulator.probes import Prober, bad_messages
from gateway.simulator.reckoning import transfers_of
from gateway.simulator.rule_making import COURSES as TAKEN
from gateway.simulator.rule_making import bring_into_force, draft
from gateway.simulator.sandbox import suspend_agreement
from gateway.simulator.story import Line, short

Progress: TypeAlias = Callable[[int, int, str, str], None]
"""`(steps done, steps in all, zh, en)`."""
PAIRS = tuple(permutations(MEMBERS, 2))
PULLED = frozenset(PAIRS[1::2])
PROGRAMMES: Mapping[tuple[str, str], Programme] = {
    (SHANGHAI, ZHEJIANG): Programme.BY_RULES,
    (JIANGSU, ZHEJIANG): Programme.BY_RULES,
    (JIANGSU, ANHUI): Programme.STRICT,
    (ZHEJIANG, SHANGHAI): Programme.CLOSED,
    (ANHUI, ZHEJIANG): Programme.BY_RULES,
}
WHO: Mapping[tuple[str, str], Learner] = {
    (JIANGSU, ZHEJIANG): LEARNERS["learner"],
    (ANHUI, ZHEJIANG): LEARNERS["learner-2"],
}
"""Cases of those who can sign in: each of the two reads why 3.5 credits became 3.0, by hours the one, by the course's size the other."""
COURSES = ("管理学基础", "基础会计", "社区护理学", "应用写作", "经济法概论", "计算机应用基础")
WAIT_S = 45.0
LOOK_S = 0.05
FIRST = f"{SHANGHAI}-{JIANGSU}"
STEPS = len(PAIRS) + 30


class Script:
    """One run.  `opened` maps a scene to the bank and the request that opened it; `refused` counts refusals by code."""

    def __init__(self, sandbox: Sandbox, progress: Progress, learners_from: int = 0) -> None:
        self.sandbox = sandbox
        self.opened: dict[str, tuple[str, Outgoing]] = {}
        self.refused: Tally[str] = Tally()
        self.story: list[Line] = []
        self.prober = Prober(sandbox)
        self._counter = Counter(sandbox.gateway.clock, sandbox.gateway.ids)
        self._progress = progress
        self._done = 0
        self._learners = learners_from

    def step(self, zh: str, en: str) -> None:
        self._done += 1
        self._progress(self._done, STEPS, zh, en)

    # -- learners and their records --

    def learner(self, home: str, *, enrolled: str = "", broken: bool = False, course: str = "", known: Learner | None = None) -> Learner:
        """A learner, new if not `known`, with a course (any, if not this one) and a certificate at `home`, and an account at `enrolled`."""
        number, chance = self._learners, self.sandbox.chance
        self._learners += 1
        learner = known or make_learner(number, home, chance)
        title = course or chance.choice(COURSES)
        entries = [Entry("course", f"2023{number:07d}", title, 70 + chance.randrange(30))]
        entries.append(Entry("certificate", f"2022{number:06d}", "养老护理员", 80, certificate_number(home, number)))
        if broken:
            entries.append(Entry("broken", f"2021{number:06d}", "统计学原理", 75))
        self.sandbox.banks[home].enter(learner, entries)
        if enrolled:
            self.sandbox.banks[enrolled].enrol(learner)
        return learner

    async def open(self, scene: str, bank: str, application: Application) -> Outgoing:
        message = await self.sandbox.connectors[bank].submit(application)
        self.opened[scene] = (bank, message)
        return message

    # -- the scenes --

    async def rules(self) -> None:
        """Zhejiang brings its rules for accounting to force: whoever applies for that programme gets an estimate by them."""
        made = draft(self.sandbox)
        self.step("规则草案已检查、试算", "draft rules judged and tried out")
        async for line in bring_into_force(self.prober, made):
            self.story.append(line)
            if line.level:
                self.step(line.zh, line.en)

    async def left_to_people(self, accepting: str) -> list[Outgoing]:
        """A case from each of the other banks lies at that one until its people decide it."""
        bank, opened = self.sandbox.banks[accepting], []
        for source in MEMBERS:
            if source != accepting:
                known = LEARNERS["learner-2"] if source == SHANGHAI else None
                learner = self.learner(source, enrolled=accepting, course=TAKEN[source], known=known)
                application = self._counter.pushed(self.sandbox.banks[source], accepting, learner, Programme.BY_RULES)
                opened.append(await self.open(f"left-{source}", source, application))
                bank.left_to_people.add(opened[-1].scope)
        store = self.sandbox.connectors[accepting].store

        async def lie() -> bool:
            rows = [await store.case(each.scope) for each in opened]
            return all(row is not None and row.todo == "decide" for row in rows)

        await self.until(lie, "the cases to lie before the bank's people")
        return opened

    async def every_pair(self) -> None:
        """All twelve directions, one in two pushed by the source bank, the others pulled by the accepting bank."""
        for source, accepting in PAIRS:
            bank, programme = self.sandbox.banks[source], PROGRAMMES.get((source, accepting), Programme.OPEN)
            course, known = TAKEN[source] if programme is Programme.BY_RULES else "", WHO.get((source, accepting))
            learner = self.learner(source, enrolled=accepting, course=course, known=known)
            if (source, accepting) in PULLED:
                application, facing = self._counter.pulled(bank, accepting, learner, programme), accepting
            else:
                application, facing = self._counter.pushed(bank, accepting, learner, programme), source
            await self.open(f"{source}-{accepting}", facing, application)
            (zh_from, en_from), (zh_to, en_to) = short(source), short(accepting)
            self.step(f"{zh_from} → {zh_to} 已提交", f"{en_from} to {en_to} submitted")

    async def damaged_row(self) -> None:
        """Anhui sends a sheet somebody exported by hand: one line has a date that does not exist."""
        bank = self.sandbox.banks[ANHUI]
        learner = self.learner(ANHUI, enrolled=JIANGSU, broken=True)
        ids = (*bank.record_ids(learner), f"AH-hand-{learner.number}")
        manifest = PartManifest(PERIOD, dict(enumerate(ids, 1)))
        supply = Supply(bank.feed(learner), "text/csv", manifest)
        await self.open("damaged", ANHUI, self._counter.pushed(bank, JIANGSU, learner, records=ids, supply=supply))
        self.step("安徽表格中有一行损坏", "one damaged line in a sheet from Anhui")

    async def unhappy_ends(self) -> None:
        """No account at the accepting bank; a source bank that will not confirm."""
        banks = self.sandbox.banks
        stranger = self.learner(ZHEJIANG)
        await self.open("no-account", ZHEJIANG, self._counter.pushed(banks[ZHEJIANG], ANHUI, stranger))
        reviewed = self.learner(JIANGSU, enrolled=SHANGHAI)
        banks[JIANGSU].review(reviewed)
        await self.open("declined", SHANGHAI, self._counter.pulled(banks[JIANGSU], SHANGHAI, reviewed))
        self.step("接收行无账户;转出行拒绝证实", "no account at the accepting bank; a source bank that declines")

    async def race(self) -> None:
        """One certificate, recorded at Jiangsu and at Anhui, offered by both at the same moment."""
        banks = self.sandbox.banks
        learner = self.learner(JIANGSU, enrolled=SHANGHAI)
        banks[ZHEJIANG].enrol(learner)
        number = certificate_number(JIANGSU, learner.number)
        banks[ANHUI].enter(learner, [Entry("certificate", f"race{learner.number}", "养老护理员", 80, number)])
        held = banks[JIANGSU].record_ids(learner)[1:]
        one = self._counter.pushed(banks[JIANGSU], SHANGHAI, learner, records=held)
        two = self._counter.pushed(banks[ANHUI], ZHEJIANG, learner)
        await asyncio.gather(self.open("race-1", JIANGSU, one), self.open("race-2", ANHUI, two))
        self.step("两行同时提交同一证书", "two banks offer one certificate at once")

    async def withdrawal(self) -> None:
        """The learner changes her mind while the accepting bank's file lies unsigned."""
        learner = self.learner(SHANGHAI, enrolled=JIANGSU, known=LEARNERS["learner"])
        message = await self.open(
            "withdrawn", SHANGHAI, self._counter.pushed(self.sandbox.banks[SHANGHAI], JIANGSU, learner, Programme.SLOW)
        )
        await self.until(lambda: self.stands(message.scope, "reviewing"), "the case to be under review")
        await self.sandbox.connectors[SHANGHAI].withdraw(message.scope, Withdrawal("learner_request", "学习者要求撤回"))
        self.step("学习者撤回", "the learner withdraws")

    async def duplicate(self) -> None:
        """The same message again: the same answer, marked as a repeat."""
        bank, message = self.opened[FIRST]
        first = await self.sandbox.connectors[bank].store.message(message.jti)
        assert first is not None
        again = await self.prober.send(bank, replace(message, claims={**message.claims, "seq": first.seq}))  # its number is part of it
        same = again.repeated and again.answer is not None and again.answer.raw == first.answer
        if not same:
            raise PeerError("peer.off_protocol", "重复提交没有得到原答复", "a duplicate did not get its first answer")
        self.story.append(Line("重复提交:原答复,标明为重复", "duplicate submission: the first answer again, marked as a repeat"))
        self.step("重复提交", "a duplicate")

    async def bad_inputs(self) -> None:
        """Each class of bad message meets its refusal, and the process goes on."""
        learner = self.learner(SHANGHAI, enrolled=JIANGSU)
        other = self.learner(JIANGSU, enrolled=SHANGHAI)
        settled = self.opened[FIRST][1].scope
        self.story.append(Line("坏消息一律按类拒绝", "bad messages, each refused by its class"))
        for probe in bad_messages(self.prober, self._counter, learner, other, settled):
            self.expect(probe.zh, probe.en, probe.code, (await probe.send()).code)

    async def no_agreement(self) -> None:
        """Both banks suspend their agreement; the gateway takes the new trust file at once, and so do the banks."""
        sandbox = self.sandbox
        connectors = sandbox.connectors
        trust = suspend_agreement(sandbox.files, connectors[SHANGHAI].trust, SHANGHAI, ANHUI, sandbox.gateway.clock.now())
        sandbox.files.issue(trust)
        await self.until(lambda: self._serial(trust.data.serial), "the gateway to take the trust file")
        for connector in connectors.values():
            connector.replace_trust(trust)
        learner = self.learner(SHANGHAI, enrolled=ANHUI)
        application = self._counter.pushed(sandbox.banks[SHANGHAI], ANHUI, learner)
        message = await self.open("no-agreement", SHANGHAI, application)
        await self.until(lambda: self._answered(SHANGHAI, message.jti), "the refusal")
        row = await connectors[SHANGHAI].store.message(message.jti)
        assert row is not None
        self.expect("协议已中止", "the agreement is suspended", "transfer.no_agreement", row.last_error)

    def expect(self, zh: str, en: str, wanted: str, got: str) -> None:
        """Count a refusal; anything else than the promised code ends the demonstration."""
        if got != wanted:
            raise PeerError("peer.off_protocol", f"应拒绝为 {wanted},实为 {got}", f"{en}: wanted {wanted}, got {got or 'a yes'}")
        self.refused[got] += 1
        self.story.append(Line(f"{zh}:{got}", f"{en}: {got}", 1))
        self.step(zh, en)

    # -- waiting --

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(WAIT_S):
                while True:
                    if await holds():
                        return
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise PeerError("peer.unavailable", "等待超时", f"waited too long for {what}") from None

    async def stands(self, transfer: str, state: str) -> bool:
        rows = await transfers_of(self.sandbox.gateway)
        return any(row["transfer"] == transfer and row["state"] == state for row in rows)

    async def _serial(self, serial: int) -> bool:
        return self.sandbox.gateway.registry.trust.data.serial >= serial

    async def _answered(self, member: str, jti: str) -> bool:
        row = await self.sandbox.connectors[member].store.message(jti)
        return row is not None and row.state != "waiting"


def certificate_number(home: str, number: int) -> str:
    """A made-up certificate number of the bank's province: the present form, or Zhejiang's old one."""
    if home == ZHEJIANG:
        return f"22330000004{number:05d}"
    return f"S0000{home[3:]}0001172340{number:05d}"
