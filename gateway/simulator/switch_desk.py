"""The sandbox's page at work: switches turned, scenarios played, made-up learners' cases sent, and banks set right afterwards.

When a bank is well again its people do what they would do: what the gateway refused as altered is sent once more, what a wrong clock
put off is tried now.  Nothing else is repaired, because nothing else needs to be.
"""

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from typing import Final

from gateway.client.connector import Connector
from gateway.client.store import Store
from gateway.model.ports import Clock, IdSource
from gateway.simulator.applications import Counter
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import ANHUI, JIANGSU, MEMBERS, SHANGHAI, ZHEJIANG, make_learner
from gateway.simulator.sandbox import BANK_NAMES
from gateway.simulator.switches import Board
from gateway.web.pages.sandbox_door import OFF, Line, SandboxDoor, Scenario, Switches

FIRST: Final = 5000
LAST: Final = 9899
"""Learners' numbers: after everybody else's, before the canaries'."""
SENT_MAX: Final = 20
LOOK_S: Final = 0.5
SCENARIOS: Final = (
    Scenario("away", "安徽行离线一分钟", "Anhui's bank is away for a minute", ANHUI, Switches(down=True), 60, JIANGSU, ANHUI),
    Scenario(
        "altered", "传输中有一个字节被改", "One byte is changed in transit", JIANGSU, Switches(tamper=True), 20, JIANGSU, ZHEJIANG
    ),
    Scenario(
        "twice", "每条消息到两次", "Every message is delivered twice", ZHEJIANG, Switches(duplicate=True), 30, ZHEJIANG, SHANGHAI
    ),
    Scenario(
        "unheard", "对方已办,答复丢失", "Done, but the answer is lost", SHANGHAI, Switches(lose_answer=True), 20, SHANGHAI, JIANGSU
    ),
    Scenario("slow", "线路很慢", "A slow line", JIANGSU, Switches(delay_ms=3000), 30, SHANGHAI, JIANGSU),
    Scenario("clock", "江苏行时钟快 400 秒", "Jiangsu's clock is 400 s ahead", JIANGSU, Switches(skew_s=400), 20, JIANGSU, SHANGHAI),
)  # fmt: skip


class SwitchDesk:
    """`banks` and `connectors` by member, filled before the first case is sent."""

    def __init__(
        self,
        board: Board,
        clock: Clock,
        ids: IdSource,
        chance: random.Random,
        banks: Mapping[str, SimulatedBank],
        connectors: Mapping[str, Connector],
    ) -> None:
        self.board = board
        self._counter = Counter(clock, ids)
        self._chance = chance
        self._banks = banks
        self._connectors = connectors
        self._sent: deque[str] = deque(maxlen=SENT_MAX)
        self._next = FIRST

    @property
    def door(self) -> SandboxDoor:
        """What the page acts through."""
        return SandboxDoor(self._lines, SCENARIOS, lambda: tuple(self._sent), self.turn, self.reset, self.play, self.send)

    async def run(self) -> None:
        """Set right whatever a scenario's time is over for, until cancelled."""
        while True:
            for member in self.board.over():
                await self._set_right(member)
            await asyncio.sleep(LOOK_S)

    async def turn(self, member: str, switches: Switches) -> None:
        """Until turned again."""
        before = self.board.of(member)
        self.board.turn(member, switches)
        if before != switches:
            await self._set_right(member)

    async def reset(self) -> None:
        for member in MEMBERS:
            await self.turn(member, OFF)

    async def play(self, scenario: Scenario) -> str:
        self.board.turn(scenario.member, scenario.switches, scenario.lasts_s)
        return await self.send(scenario.source, scenario.accepting)

    async def send(self, source: str, accepting: str) -> str:
        """A new learner's course, sent by the source bank; the case's id."""
        if self._next > LAST:
            return ""
        number, self._next = self._next, self._next + 1
        learner = make_learner(number, source, self._chance)
        bank = self._banks[source]
        bank.enter(learner, [Entry("course", f"2023{number:07d}", "管理学基础", 85)])
        self._banks[accepting].enrol(learner)
        message = await self._connectors[source].submit(self._counter.pushed(bank, accepting, learner))
        self._sent.appendleft(message.scope)
        return message.scope

    def _lines(self) -> list[Line]:
        found = []
        for member in MEMBERS:
            left, name = self.board.left_s(member), BANK_NAMES[member]
            found.append(Line(member, name.zh, name.en, self.board.of(member), None if left is None else max(0, round(left))))
        return found

    async def _set_right(self, member: str) -> None:
        office = self._connectors[member].office
        async with office.books:
            now, writes = office.now_text(), []
            for row in await office.store.messages():
                if row.state == "failed":
                    writes.append(Store.again(row.jti, now))
                elif row.state == "waiting" and row.last_error:
                    writes.append(Store.tried(row, now, row.last_error))
            await office.commit(writes)
