"""What a run's faults do to the region, each once it strikes.  What, when and to whom is drawn in `faults`; commits suffer in `hosts`."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any, TypeVar

from gateway.client.cases import Tools
from gateway.crypto.keys import SigningKey
from gateway.errors import SettingsError
from gateway.federation.members import Status
from gateway.model.transfer import CLOSED, State
from gateway.simulator.faults import FAIR, GATEWAY, HOURS, Fault, Kind, Tempo
from gateway.simulator.forgetting import Lost, choose, drop, is_gone
from gateway.simulator.holidays import Holidays
from gateway.simulator.hosts import Ail, BankHost, GatewayHost, Host
from gateway.simulator.last_year import behind
from gateway.simulator.network import Network, Trace
from gateway.simulator.people import MEMBERS
from gateway.simulator.reckoning import transfers_of
from gateway.simulator.registrar import Registrar
from gateway.simulator.sandbox import ALGORITHMS
from gateway.simulator.virtual_loop import VirtualClock

T = TypeVar("T")
JUMP_STEPS = 8


@dataclass(frozen=True, slots=True)
class Ground:
    """What can be struck, and who keeps account of it."""

    gateway: GatewayHost
    gateway_clock: VirtualClock
    banks: Mapping[str, BankHost]
    network: Network
    registrar: Registrar
    holidays: Holidays
    tools: Tools
    tempo: Tempo
    chance: Callable[[str], Random]
    trace: Trace
    met: Counter[str]


class Strikes:
    """One run's.  `jumps` are spans of the log, end excluded, written while the gateway's calendar was off; `lost` is what banks lost."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._keys = 0
        self._cuts: Counter[str] = Counter()
        self._renewing = {member: asyncio.Lock() for member in MEMBERS}
        self.jumps: list[tuple[int, int]] = []
        self.lost: list[Lost] = []

    async def strike(self, fault: Fault) -> None:
        self._ground.trace.add("fault", fault.kind, fault.who, fault.lasts, fault.amount)
        self._ground.met[f"fault {fault.kind}"] += 1
        host: Host = self._ground.gateway if fault.who == GATEWAY else self._ground.banks[fault.who]
        match fault.kind:
            case Kind.PARTITION:
                await self._partition(fault)
            case Kind.BANK_DOWN:
                host.down()
                await self._lasting(fault)
                host.allow()
            case Kind.CLOCK_SKEW:
                clock = self._ground.banks[fault.who].clock
                clock.skew = timedelta(seconds=fault.amount)
                await self._lasting(fault)
                clock.skew = timedelta(0)
            case Kind.CLOCK_JUMP:
                await self._jump(fault)
            case Kind.TABLES_BEHIND:
                await self._tables_behind(fault)
            case Kind.FORGETS:
                await self._forget(self._ground.banks[fault.who])
            case Kind.KEY_ROTATED | Kind.KEY_REVOKED:
                await self._new_key(fault)
            case Kind.SUSPENDED:
                self._ground.registrar.stand(fault.who, Status.SUSPENDED)
                await self._lasting(fault)
                self._ground.registrar.stand(fault.who, Status.ACTIVE)
            case Kind.CONSENT_ENDS | Kind.LEAF_CHANGED:
                raise SettingsError("settings.connector", "不是定时故障", "no fault of a moment")
            case _:
                host.ails.extend([Ail(fault.kind, fault.leaves_only)] * max(1, int(fault.amount)))

    async def _forget(self, bank: BankHost) -> None:
        """A bank's disk loses a message that it had acknowledged."""
        cases = await _outcome(self._ground.gateway, transfers_of(self._ground.gateway.gateway)) if self._ground.gateway.up else None
        open_ = {row["transfer"] for row in cases or () if State(row["state"]) not in CLOSED}
        if not bank.up:
            return
        chance = self._ground.chance(f"{bank.name} forgets {len(self.lost)}")
        row = await _outcome(bank, choose(bank.connector.store, chance, open_.__contains__))
        if row is None or row.jti in {each.jti for each in self.lost}:  # what is lost twice is for people to mend
            return
        await _outcome(bank, drop(bank.connector.store, row))
        await bank.standing()  # it may have died of it, with the loss on its disk
        if await _outcome(bank, is_gone(bank.connector.store, row)):
            self.lost.append(Lost(bank.name, row.seq or 0, row.jti))
            self._ground.met["lost after it was acknowledged"] += 1
            self._ground.trace.add("forgets", bank.name, row.seq)

    async def _jump(self, fault: Fault) -> None:
        """The node's calendar is off for a while.  Whether its timers held still is asked only of a node that ran before the jump."""
        node = self._ground.gateway
        starts, began = (node.starts, node.gateway.ledger.size) if node.up else (-1, 0)
        self._ground.gateway_clock.skew = timedelta(seconds=fault.amount)
        for _ in range(JUMP_STEPS):
            await asyncio.sleep(fault.lasts / JUMP_STEPS)
            if node.starts != starts or not node.up:
                break
            self.jumps.append((began, node.gateway.ledger.size))
        self._ground.gateway_clock.skew = timedelta(0)

    async def _tables_behind(self, fault: Fault) -> None:
        """A bank still works with last year's tables, and puts the new ones in later."""
        bank = self._ground.banks[fault.who]
        present = bank.setup.tools
        bank.use(tools=behind(present))
        await self._lasting(fault)
        bank.use(tools=present)

    async def know_holidays(self) -> None:
        self._ground.trace.add("holidays known")
        self._ground.met["fault holidays known late"] += 1
        self._ground.holidays.grow()

    async def sign(self, member: str) -> None:
        """What lay about there is decided from now on; where a run goes on for weeks people take their time."""
        self._ground.banks[member].bank.signed = self._ground.tempo is HOURS

    async def _lasting(self, fault: Fault) -> None:
        await asyncio.sleep(fault.lasts)

    async def _partition(self, fault: Fault) -> None:
        self._cuts[fault.who] += 1
        self._ground.network.cut.add(fault.who)
        await self._lasting(fault)
        self._cuts[fault.who] -= 1
        if not self._cuts[fault.who]:
            self._ground.network.cut.discard(fault.who)

    async def _new_key(self, fault: Fault) -> None:
        """Rotated: announced, used after a while, the old one ended later.  Revoked: the old one ends at once."""
        async with self._renewing[fault.who]:
            await self._renew_key(fault)

    async def _renew_key(self, fault: Fault) -> None:
        bank = self._ground.banks[fault.who]
        self._keys += 1
        key = SigningKey.from_seed(sha256(f"{fault.who} key {self._keys}".encode()).digest(), ALGORITHMS[fault.who])
        self._ground.registrar.add_key(fault.who, key)
        if fault.kind is Kind.KEY_REVOKED:
            self._ground.registrar.revoke_others(fault.who, key)
        await asyncio.sleep(fault.amount)
        bank.use(key=key, trust=self._ground.registrar.trust)
        if fault.kind is Kind.KEY_ROTATED:
            await self._lasting(fault)
            self._ground.registrar.revoke_others(fault.who, bank.setup.key)

    def heal(self, *, holidays: bool) -> None:
        """Everybody up, reachable, on time, with this year's tables, and the banks' people sign what lay about."""
        ground = self._ground
        ground.network.weather = FAIR
        ground.network.cut.clear()
        for host in (ground.gateway, *ground.banks.values()):
            host.ails.clear()
            host.allow()
        for bank in ground.banks.values():
            bank.clock.skew = timedelta(0)
            bank.bank.signed = True
            if bank.setup.tools is not ground.tools:
                bank.use(tools=ground.tools)
        ground.gateway_clock.skew = timedelta(0)
        if ground.gateway.up and not ground.gateway.gateway.parts.clocks_agree():
            ground.gateway.die("restarted, since its clock had jumped")
        if holidays:
            ground.holidays.grow()


async def _outcome(host: Host, work: Coroutine[Any, Any, T]) -> T | None:
    """What came of some work inside a process; None where that died over it."""
    task: asyncio.Task[T] = host.spawn(work)
    await asyncio.wait([task])
    return None if task.cancelled() or task.exception() is not None else task.result()
