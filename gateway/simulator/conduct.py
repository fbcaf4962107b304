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
LEAVING = ((FACING, Act.WITHDRAW, 1), (FACING, Act.CONSENT_WITHDRAW, 1))
WISHES: Mapping[State, Sequence[tuple[str, Act, int]]] = {
    State.CONFIRMING: ((SOURCE, Act.REVOKE, 3), *LEAVING, NOTHING),
    State.DELIVERING: (*CORRECTING, *LEAVING, NOTHING),
    State.REVIEWING: (*CORRECTING, (ACCEPTING, Act.ASK, 2), *LEAVING, NOTHING),
    State.SUPPLEMENTING: (*CORRECTING, (SOURCE, Act.SUPPLEMENT, 6), *LEAVING, NOTHING),
    State.POSTING: (*CORRECTING, (SOURCE, Act.REVOKE, 2), (FACING, Act.CONSENT_WITHDRAW, 1), NOTHING),
    State.DISPUTED: ((PRESIDING, Act.UPHOLD, 2), (PRESIDING, Act.REMIT, 2), (SOURCE, Act.REVOKE, 4), NOTHING),
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
    Act.CONSENT_WITHDRAW: "学习者撤回授权",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Do:
    """One thing somebody waits to do, about `some` of the records, `all`, or the `first`."""

    state: State
    who: str
    act: Act
    which: str = "some"


@dataclass(frozen=True, slots=True)
class Aim:
    """Somebody who waits for a state and then does one thing, then for the next.

    Questions in `lies` lie about for weeks; those in `otherwise` are answered the other way (`Mood`).
    """

    steps: tuple[Do, ...] = ()
    lies: frozenset[str] = frozenset()
    otherwise: frozenset[str] = frozenset()


UNDECIDED, AGAIN = frozenset({"decide"}), frozenset({"dispute"})
AIMS: Sequence[Aim] = (
    Aim((Do(State.EXPIRED, SOURCE, Act.DISPUTE),), UNDECIDED, AGAIN),
    Aim((Do(State.EXPIRED, FACING, Act.DISPUTE), Do(State.DISPUTED, PRESIDING, Act.UPHOLD)), UNDECIDED, AGAIN),
    Aim((Do(State.EXPIRED, SOURCE, Act.REVOKE),), UNDECIDED),
    Aim((Do(State.SETTLED, SOURCE, Act.REVOKE), Do(State.HELD, PRESIDING, Act.RETRY)), frozenset({"recall"})),
    Aim((Do(State.SETTLED, SOURCE, Act.REVOKE, "first"),), frozenset({"recall"})),
    Aim((Do(State.HELD, PRESIDING, Act.RETRY), Do(State.HELD, PRESIDING, Act.RETRY)), frozenset({"post accepting", "post source"})),
    Aim((Do(State.SETTLED, SOURCE, Act.REVOKE, "first"),)),
    Aim((Do(State.SETTLED, FACING, Act.DISPUTE), Do(State.DISPUTED, SOURCE, Act.REVOKE, "all")), otherwise=AGAIN),
    Aim(
        (Do(State.SETTLED, SOURCE, Act.AMEND, "all"), Do(State.DISPUTED, SOURCE, Act.REVOKE, "all"),
         Do(State.DISPUTED, PRESIDING, Act.UPHOLD)),
        otherwise=AGAIN,
    ),
    Aim((Do(State.SETTLED, SOURCE, Act.DISPUTE), Do(State.DISPUTED, PRESIDING, Act.REMIT)), otherwise=AGAIN),
    Aim((Do(State.SETTLED, SOURCE, Act.DISPUTE),), otherwise=AGAIN),
    Aim((Do(State.REVIEWING, SOURCE, Act.REVOKE, "all"), Do(State.REJECTED, SOURCE, Act.DISPUTE)), UNDECIDED, AGAIN),
    Aim((Do(State.POSTING, SOURCE, Act.AMEND, "all"),), frozenset({"post accepting", "post source"}), AGAIN),
    Aim((Do(State.REVIEWING, SOURCE, Act.REVOKE, "first"), Do(State.REVIEWING, SOURCE, Act.AMEND, "first")), UNDECIDED),
    Aim(
        (Do(State.SUPPLEMENTING, SOURCE, Act.REVOKE, "first"), Do(State.SUPPLEMENTING, SOURCE, Act.SUPPLEMENT, "first")),
        otherwise=UNDECIDED,
    ),
)  # fmt: skip
"""What people who do as they please hardly ever come to."""
AIMS_AWAY: Sequence[Aim] = (
    Aim((Do(State.HELD, FACING, Act.WITHDRAW), Do(State.WITHDRAWN, SOURCE, Act.REVOKE))),
    Aim((Do(State.HELD, SOURCE, Act.REVOKE, "all"),)),
    Aim((Do(State.HELD, PRESIDING, Act.CANCEL),)),
    Aim((Do(State.HELD, PRESIDING, Act.RETRY),)),
    Aim(),
)
"""The same towards a bank that is away for long."""


@dataclass(frozen=True, slots=True)
class Life:
    """A case and who has to do with it.  `records` are those applied for."""

    transfer: str
    learner: Learner
    source: str
    accepting: str
    facing: str
    records: tuple[str, ...]
    consent_id: str
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
            elif steps and _is_time(steps[0], case):
                step = steps.pop(0)
                await self.say(life, step.who, step.act, chance, step.which)

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

    async def say(self, life: Life, who: str, act: Act, chance: Random, which: str = "some") -> None:
        """One act by one party, with what it has in hand."""
        member = self._presiding(frozenset({life.source, life.accepting})) if who == PRESIDING else getattr(life, who)
        if member is None:
            return
        document, supply = self._papers(life, act, chance, which)
        if act is Act.AMEND and supply is None:
            return
        self._met[f"people {act}"] += 1

        async def said(host: BankHost) -> None:
            if act is Act.WITHDRAW:
                await host.connector.withdraw(life.transfer, Withdrawal("learner_request", WORDS[act]))
                return
            if act is Act.CONSENT_WITHDRAW:
                await host.connector.withdraw_consent(life.consent_id, Withdrawal("learner_request", WORDS[act]))
                return
            with suppress(PeerError):  # nothing was asked that could be answered
                await host.connector.say(act, life.transfer, document, supply)

        await self._ask(member, said)

    def _papers(self, life: Life, act: Act, chance: Random, which: str) -> tuple[Document, Supply | None]:
        """The document, and for a correction the part anew: mostly with all that was applied for, sometimes with less."""
        some = tuple(record for record in life.records if chance.random() < 0.5) or (chance.choice(life.records),)
        named = {"all": life.records, "first": life.records[:1]}.get(which, some)
        with_part = act is Act.AMEND or (act is Act.SUPPLEMENT and (which != "some" or chance.random() < 0.7))
        supply = self._part(life, life.records if which == "some" and chance.random() < 0.6 else named) if with_part else None
        if act in {Act.AMEND, Act.REVOKE}:
            return Correction("other", WORDS[act], named), supply
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


def _is_time(step: Do, case: Mapping[str, Any]) -> bool:
    """The case is there; and where the presiding unit is to judge, it is its turn."""
    judged = step.state is State.DISPUTED and step.who == PRESIDING
    return case["state"] == step.state and (not judged or case["waiting_on"] == [PRESIDING])


async def _said(host: BankHost, act: Act, transfer: str) -> None:
    if act is Act.WITHDRAW:
        await host.connector.withdraw(transfer, Withdrawal("consent_withdrawn", "授权已到期"))
        return
    with suppress(PeerError):  # what is to be answered has not come yet
        await host.connector.say(act, transfer, Withdrawal("other", WORDS[act]))
