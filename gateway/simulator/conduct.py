"""What people do with an open case besides deciding it: they correct, void, question, dispute, judge, give orders, let lie.

Each case has somebody who looks at it now and then, as the status page shows it, and does one of the things
that people do in that state, through the connector of the bank they work at; messages cross, and what comes
too late is refused.  Now and then somebody does what is not possible at all.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeAlias

from gateway.client.bank import Supply
from gateway.errors import PeerError, RecordError
from gateway.model.documents import Correction, Document, Order, Withdrawal
from gateway.model.transfer import Act, State
from gateway.simulator.hosts import BankHost
from gateway.simulator.people import Learner

Look: TypeAlias = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""A transfer → its status page, None while the gateway does not answer."""
Ask: TypeAlias = Callable[[str, Callable[[BankHost], Coroutine[Any, Any, Any]]], Awaitable[Any]]
"""Have a bank's connector do something, as `Workload` does."""

SOURCE, ACCEPTING, FACING, PRESIDING = "source", "accepting", "facing", "presiding"
NOTHING: Final = ("", Act.NOTED, 4)
CORRECTING = ((SOURCE, Act.AMEND, 3), (SOURCE, Act.REVOKE, 2))
WISHES: Mapping[State, Sequence[tuple[str, Act, int]]] = {
    State.CONFIRMING: ((SOURCE, Act.REVOKE, 2), (FACING, Act.WITHDRAW, 1), NOTHING),
    State.DELIVERING: (*CORRECTING, (FACING, Act.WITHDRAW, 1), NOTHING),
    State.REVIEWING: (*CORRECTING, (ACCEPTING, Act.ASK, 2), (FACING, Act.WITHDRAW, 1), NOTHING),
    State.SUPPLEMENTING: (*CORRECTING, (SOURCE, Act.SUPPLEMENT, 6), (FACING, Act.WITHDRAW, 1), NOTHING),
    State.POSTING: (*CORRECTING, (SOURCE, Act.REVOKE, 2), NOTHING),
    State.DISPUTED: ((PRESIDING, Act.UPHOLD, 2), (PRESIDING, Act.REMIT, 1), (SOURCE, Act.REVOKE, 4), NOTHING),
    State.HELD: ((PRESIDING, Act.RETRY, 5), (PRESIDING, Act.CANCEL, 2), (SOURCE, Act.REVOKE, 1), (FACING, Act.WITHDRAW, 1), NOTHING),
    State.SETTLED: ((SOURCE, Act.DISPUTE, 2), (FACING, Act.DISPUTE, 2), *CORRECTING, (SOURCE, Act.REVOKE, 2)),
    State.REJECTED: ((SOURCE, Act.DISPUTE, 2), (FACING, Act.DISPUTE, 1), (SOURCE, Act.REVOKE, 1), NOTHING),
    State.EXPIRED: ((SOURCE, Act.DISPUTE, 3), (FACING, Act.DISPUTE, 3), (SOURCE, Act.REVOKE, 3)),
    State.WITHDRAWN: ((SOURCE, Act.REVOKE, 2), (FACING, Act.DISPUTE, 1)),
    State.RECALLED: ((SOURCE, Act.REVOKE, 1), NOTHING),
}
ANY_TIME = 0.06
"""How often somebody does something whatever the state is."""
AIMED_LOOKS_MAX = 60
LETTERS = 0.5
"""How often the presiding unit turns to a dead letter of the case first."""
ALL_WISHES = tuple(dict.fromkeys((who, act) for wishes in WISHES.values() for who, act, _ in wishes if who))
WORDS: Mapping[Act, str] = {
    Act.ASK: "请补充考核材料", Act.SUPPLEMENT: "补充说明", Act.DISPUTE: "对认定有异议", Act.UPHOLD: "维持原认定", Act.REMIT: "退回重新认定",
    Act.RETRY: "继续办理", Act.CANCEL: "无法送达,取消", Act.AMEND: "成绩更正", Act.REVOKE: "成果作废", Act.WITHDRAW: "学习者要求撤回",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aim:
    """Somebody who waits for a state and then does one thing, then for the next; questions in `lies` lie about for weeks."""

    steps: tuple[tuple[State, str, Act], ...]
    lies: frozenset[str] = frozenset()


AIMS: Sequence[Aim] = (
    Aim(((State.EXPIRED, SOURCE, Act.DISPUTE),), frozenset({"decide", "dispute"})),
    Aim(((State.EXPIRED, FACING, Act.DISPUTE), (State.DISPUTED, PRESIDING, Act.UPHOLD)), frozenset({"decide", "dispute"})),
    Aim(((State.EXPIRED, SOURCE, Act.REVOKE),), frozenset({"decide"})),
    Aim(((State.HELD, FACING, Act.WITHDRAW), (State.WITHDRAWN, SOURCE, Act.REVOKE))),
    Aim(((State.HELD, SOURCE, Act.REVOKE),)),
    Aim(((State.HELD, PRESIDING, Act.CANCEL),)),
    Aim(((State.HELD, PRESIDING, Act.RETRY),), frozenset({"post accepting", "post source"})),
    Aim(((State.SETTLED, SOURCE, Act.REVOKE), (State.HELD, PRESIDING, Act.RETRY)), frozenset({"recall"})),
    Aim(((State.SETTLED, SOURCE, Act.REVOKE),), frozenset({"recall"})),
    Aim(((State.SETTLED, FACING, Act.DISPUTE), (State.DISPUTED, SOURCE, Act.REVOKE)), frozenset({"dispute"})),
    Aim(((State.SETTLED, SOURCE, Act.AMEND), (State.DISPUTED, SOURCE, Act.REVOKE), (State.DISPUTED, PRESIDING, Act.UPHOLD)), frozenset({"dispute"})),
    Aim(((State.SUPPLEMENTING, SOURCE, Act.REVOKE), (State.SUPPLEMENTING, SOURCE, Act.SUPPLEMENT))),
)
"""What random people hardly ever come to."""


@dataclass(frozen=True, slots=True)
class Life:
    """A case and who has to do with it.  `records` are those applied for."""

    transfer: str
    learner: Learner
    source: str
    accepting: str
    facing: str
    records: tuple[str, ...]
    aim: Aim | None = None


class Conduct:
    """One run's people.  `presiding` gives the member that presides over a case of these parties now."""

    def __init__(
        self, banks: Mapping[str, BankHost], ask: Ask, look: Look, presiding: Callable[[frozenset[str]], str | None], met: Tally[str]
    ) -> None:
        self._banks = banks
        self._ask = ask
        self._look = look
        self._presiding = presiding
        self._met = met
        self.lives: dict[str, Life] = {}

    async def live(self, life: Life, chance: Random, acts: int, waits_s: Sequence[float], until_s: float) -> None:
        """Look at the case so many times, with pauses, while it storms."""
        loop = asyncio.get_running_loop()
        steps = list(life.aim.steps) if life.aim is not None else []
        for _ in range(acts if life.aim is None else AIMED_LOOKS_MAX):
            await asyncio.sleep(chance.choice(waits_s) * chance.random())
            if loop.time() > until_s:
                return
            case = await self._look(life.transfer)
            if case is None:
                continue
            letters = [each["message"] for each in case["owed"] if each["dead_since"] and each["state"] in {"new", "ready"}]
            if letters and chance.random() < LETTERS:
                await self._order(life, chance.choice((Act.RETRY, Act.CANCEL)), letters[0])
            elif life.aim is None:
                await self._act(life, State(case["state"]), chance)
            elif steps and case["state"] == steps[0][0]:
                _, who, act = steps.pop(0)
                await self.say(life, who, act, chance)

    async def _act(self, life: Life, state: State, chance: Random) -> None:
        wishes = WISHES[state]
        if chance.random() < ANY_TIME:
            who, act = chance.choice(ALL_WISHES)
        else:
            who, act, _ = chance.choices(wishes, [weight for _, _, weight in wishes])[0]
        if who:
            await self.say(life, who, act, chance)

    async def _order(self, life: Life, act: Act, message: str) -> None:
        """The presiding unit's word on a dead letter."""
        member = self._presiding(frozenset({life.source, life.accepting}))
        if member is not None:
            self._met[f"people {act} a dead letter"] += 1
            order = Order("other", WORDS[act], message)
            await self._ask(member, lambda host: host.connector.say(act, life.transfer, order))

    async def say(self, life: Life, who: str, act: Act, chance: Random) -> None:
        """One act by one party, with what it has in hand."""
        member = self._presiding(frozenset({life.source, life.accepting})) if who == PRESIDING else getattr(life, who)
        if member is None:
            return
        document, supply = self._papers(life, act, chance)
        if act is Act.AMEND and supply is None:
            return
        self._met[f"people {act}"] += 1

        async def said(host: BankHost) -> None:
            if act is Act.WITHDRAW:
                await host.connector.withdraw(life.transfer, Withdrawal("learner_request", WORDS[act]))
                return
            with suppress(PeerError):  # nothing was asked that could be answered
                await host.connector.say(act, life.transfer, document, supply)

        await self._ask(member, said)

    def _papers(self, life: Life, act: Act, chance: Random) -> tuple[Document, Supply | None]:
        """The document, and for a correction the part anew: mostly with all that was applied for, sometimes with less."""
        some = tuple(record for record in life.records if chance.random() < 0.5) or (chance.choice(life.records),)
        with_part = act is Act.AMEND or (act is Act.SUPPLEMENT and chance.random() < 0.7)
        supply = self._part(life, life.records if chance.random() < 0.6 else some) if with_part else None
        if act in {Act.AMEND, Act.REVOKE}:
            return Correction("other", WORDS[act], life.records if chance.random() < 0.3 else some), supply
        return Withdrawal("other", WORDS[act]), supply

    def _part(self, life: Life, records: Sequence[str]) -> Supply | None:
        bank = self._banks[life.source].bank
        bank.correct(life.learner)
        try:
            return bank.part(life.learner, records)
        except RecordError:
            return None

    # -- once it no longer storms --

    async def attend(self, case: Mapping[str, Any], *, consent_ended: bool, again: bool) -> None:
        """Whoever's turn it is does what ends the case.  `again`: it was asked of them before, and still stands there."""
        presiding = self._presiding(frozenset({case["source"], case["accepting"]}))
        match State(case["state"]):
            case State.SUPPLEMENTING if not consent_ended:
                await self._word(case["source"], Act.SUPPLEMENT, case)
            case State.HELD:
                if consent_ended:
                    await self._word(case["facing"], Act.WITHDRAW, case)
                await self._word(presiding, Act.RETRY, case)
            case State.DISPUTED if case["waiting_on"] == ["presiding"]:
                await self._word(presiding, Act.UPHOLD, case)
            case State.DISPUTED if consent_ended or again:  # nothing else can be decided
                await self._word(case["accepting"], Act.UPHOLD, case)
            case State.REVIEWING if again and not consent_ended:
                await self._ask(case["accepting"], lambda host: host.connector.reconsider(case["transfer"]))
            case State.CONFIRMING | State.DELIVERING | State.REVIEWING | State.SUPPLEMENTING if consent_ended:
                self._met["withdrawn for an ended consent"] += 1
                await self._word(case["facing"], Act.WITHDRAW, case)
            case _:
                pass

    async def _word(self, member: str | None, act: Act, case: Mapping[str, Any]) -> None:
        if member is not None:
            await self._ask(member, lambda host: _said(host, act, case["transfer"]))


async def _said(host: BankHost, act: Act, transfer: str) -> None:
    if act is Act.WITHDRAW:
        await host.connector.withdraw(transfer, Withdrawal("consent_withdrawn", "授权已到期"))
        return
    with suppress(PeerError):  # what is to be answered has not come yet
        await host.connector.say(act, transfer, Withdrawal("other", WORDS[act]))
