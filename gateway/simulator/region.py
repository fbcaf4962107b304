"""The simulated region: built, stormed upon, healed, waited for, and taken stock of.

Everybody's chance is a stream of its own, so that one more draw here moves nothing there.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from gateway.app import DATABASE_FILE, Tools
from gateway.client.cases import Tools as CaseTools
from gateway.client.office import MESSAGES_PATH, Setup
from gateway.client.pace import Pace
from gateway.client.receipts import Judge
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.members import Channel
from gateway.federation.registry import TrustFile
from gateway.model.transfer import CLOSED, State
from gateway.simulator.banks import Mood, SimulatedBank
from gateway.simulator.checkers import check_all
from gateway.simulator.contests import contests
from gateway.simulator.coverage import reached, steps_of
from gateway.simulator.faults import HOURS, Kind, Plan, Tempo, draw
from gateway.simulator.forgetting import differences, unnamed
from gateway.simulator.holidays import Holidays
from gateway.simulator.hosts import CHANGE_LEAF, BankHost, GatewayHost, Host, Surroundings
from gateway.simulator.log_checkers import change_found
from gateway.simulator.network import GATEWAY_URL, Network, Trace
from gateway.simulator.people import MEMBERS
from gateway.simulator.premises import SeededIds, simulated_settings, template
from gateway.simulator.rebuilding import differing
from gateway.simulator.reckoning import Export, audit_again, export_log, transfers_of
from gateway.simulator.registrar import Registrar
from gateway.simulator.sandbox import CHANNELS, PUSHED, REGIONS, SandboxFiles, prepare
from gateway.simulator.strikes import Ground, Strikes
from gateway.simulator.testimony import BankRecord, Evidence
from gateway.simulator.virtual_loop import VirtualClock, VirtualLoop
from gateway.simulator.workload import Workload
from gateway.storage.database import Write
from gateway.storage.rows import TransferRow
from gateway.transferlog.checkpoint import Verifier, open_checkpoint
from gateway.transfers.recount import mismatches
from gateway.web.soap_api import SOAP_PATH

T = TypeVar("T")
EPOCH = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)
LATE_DECEMBER = datetime(2026, 12, 30, 1, 0, tzinfo=UTC)
"""Where runs of weeks and of hours begin in which the next year's holidays are not known yet."""
LOOKS_TO_WITNESS = 4
ATTEND_EVERY = 6
"""Looks at an open case after which its people say once more what would end it."""


class Region:
    """One run.  `play` gives what did not hold."""

    def __init__(
        self,
        folder: Path,
        loop: VirtualLoop,
        tools: Tools,
        chance: Callable[[str], Random],
        logged: list[dict[str, Any]],
        tempo: Tempo,
        holidays: Holidays,
        *,
        rebuilds: bool = False,
    ) -> None:
        self._tempo = tempo
        self._holidays = holidays
        self._rebuilds = rebuilds
        self.met: Counter[str] = Counter()
        self.trace = Trace(loop)
        self.evidence: Evidence | None = None
        self._folder = folder
        self._loop = loop
        self._tools = tools
        self._chance = chance
        self._logged = logged
        self._heads: list[tuple[int, bytes]] = []

    async def play(self, plan: Plan | None = None) -> list[str]:
        plan = plan or draw(self._chance("plan"), self._tempo)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._build(plan)
            running = [tasks.create_task(host.keep()) for host in self._hosts]
            running.append(tasks.create_task(self._witness()))
            await self._storm(plan)
            await self._heal(plan)
            wrong = await self._all_end()
            wrong += await self._judge(plan)
            for task in running:
                task.cancel()
            for host in self._hosts:
                await host.stop()
        return wrong

    # -- building --

    def _build(self, plan: Plan) -> None:
        chance, loop, folder = self._chance, self._loop, self._folder
        around = Surroundings(loop, Network(chance("network"), self.trace, self._spawn), self.trace, self.met, self._spawn)
        self._network = around.network
        late = LATE_DECEMBER if self._tempo is HOURS else DECEMBER
        self._epoch = EPOCH if plan.holidays_known_at is None else late
        self._clock = VirtualClock(loop, self._epoch)
        self._gateway_clock = VirtualClock(loop, self._epoch)
        shutil.copytree(template(), folder, dirs_exist_ok=True)
        endpoints = {member: f"https://{REGIONS[member]}.simulated/inbox" for member in PUSHED}
        self._files = prepare(folder, endpoints, self._clock, SeededIds(chance("registry")))
        pace, tempo = chance("pace"), self._tempo
        idle_s, poll_s = pace.choice(tempo.looks_s), pace.choice(tempo.looks_s)
        self._gateway = GatewayHost(
            simulated_settings(self._files, idle_s, tempo),
            self._gateway_clock,
            SeededIds(chance("gateway ids")),
            chance("gateway"),
            self._tools,
            around,
        )
        regions = {member: self._tools.regions[REGIONS[member]] for member in MEMBERS}
        case_tools = CaseTools(regions, self._tools.mapper, self._tools.standard)
        self._banks: dict[str, BankHost] = {}
        for member in MEMBERS:
            clock = VirtualClock(loop, self._epoch)
            setup = Setup(
                member, self._files.bank_keys[member], self._files.trust, GATEWAY_URL, member not in PUSHED, case_tools, clock,
                SeededIds(chance(f"{member} ids")), chance(member), Pace(1.0, tempo.longest_s / 2, idle_s, poll_s),
                SOAP_PATH if CHANNELS.get(member) is Channel.SOAP else MESSAGES_PATH,
            )  # fmt: skip
            bank = SimulatedBank(member, regions[member], self._clock, self._mood)
            self._banks[member] = BankHost(setup, bank, folder / f"{member}.db", clock, around)
            if member in PUSHED:
                self._network.listen(endpoints[member], self._banks[member])
        self._network.listen(GATEWAY_URL, self._gateway)
        self._hosts: list[Host] = [self._gateway, *self._banks.values()]
        self._registrar = Registrar(self._files, self._clock, self._tell)
        self._strikes = Strikes(
            Ground(
                self._gateway, self._gateway_clock, self._banks, self._network, self._registrar, self._holidays, case_tools, tempo,
                chance, self.trace, self.met,
            )
        )  # fmt: skip
        self._workload = Workload(
            self._banks, SeededIds(chance("people's ids")), chance, self.met, self._look, self._docket,
            lambda parties: self._registrar.trust.presiding(self._clock.now(), parties),
        )  # fmt: skip
        self.trace.add("plan", plan)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks.create_task(work)

    def _mood(self, transfer: str, question: str) -> Mood:
        """The same whenever, and however often, it is asked."""
        chance = self._chance(f"{transfer} {question}")
        after = timedelta(seconds=chance.choice(self._tempo.lies_s))
        life = self._workload.conduct.lives.get(transfer)
        if life is not None and life.aim is not None:
            return Mood(timedelta(seconds=self._tempo.storm_s if question in life.aim.lies else 0.0), int(question in life.aim.otherwise))
        return Mood(after, chance.choice((0, 0, 0, 1, 1, 2)))

    async def _look(self, transfer: str) -> Mapping[str, Any] | None:
        """The status page, as anybody who may see it sees it."""
        return await self._seen(lambda: self._gateway.gateway.parts.status.show(transfer, ""))

    async def _docket(self) -> Sequence[Mapping[str, Any]]:
        """What is contested, as the centre sees it: each with the unit that presides, and that one sees it too."""
        found = await self._seen(lambda: self._gateway.gateway.parts.status.contested(""))
        return found["outcomes"] if found is not None else ()

    async def _seen(self, read: Callable[[], Coroutine[Any, Any, Mapping[str, Any]]]) -> Mapping[str, Any] | None:
        """What the gateway shows; None while it shows nothing."""
        if not self._gateway.up:
            return None
        task = self._gateway.spawn(read())
        await asyncio.wait([task])
        return None if task.cancelled() or task.exception() is not None else task.result()

    def _tell(self, trust: TrustFile) -> None:
        """The banks are brought the new trust file, each at its own time."""
        self.trace.add("trust file", trust.data.serial)
        for bank in self._banks.values():
            self._spawn(self._bring(bank, trust))

    async def _bring(self, bank: BankHost, trust: TrustFile) -> None:
        await asyncio.sleep(self._chance(f"{bank.name} trust {trust.data.serial}").choice((0.0, 30.0, 1800.0)))
        if trust.data.serial > bank.setup.trust.data.serial:
            bank.setup = replace(bank.setup, trust=trust)
            if bank.up:
                bank.connector.replace_trust(trust)

    # -- the storm --

    async def _storm(self, plan: Plan) -> None:
        self._network.weather = plan.weather
        work = self._workload.plan(plan.storm_s, self._tempo, plan.away, consent_ends=plan.consent_ends)
        if plan.consent_ends:
            self.met[Kind.CONSENT_ENDS] += 1
        async with asyncio.TaskGroup() as tasks:
            for at, what in work:
                tasks.create_task(_after(at, what))
            for fault in plan.faults:
                tasks.create_task(_after(fault.at, partial(self._strikes.strike, fault)))
            if plan.holidays_known_at is not None:
                tasks.create_task(_after(plan.holidays_known_at, self._strikes.know_holidays))
            for member in MEMBERS:
                tasks.create_task(_after(plan.storm_s * self._chance(f"{member} signs").random(), partial(self._strikes.sign, member)))

    async def _heal(self, plan: Plan) -> None:
        """Fair weather."""
        self.trace.add("heals")
        self._strikes.heal(holidays=plan.holidays_known_at is not None)
        for host in self._hosts:
            await host.standing()

    # -- watching --

    async def _witness(self) -> None:
        """Somebody who keeps every checkpoint; a log that shrinks is seen at once."""
        while True:
            await asyncio.sleep(self._tempo.watch_s * LOOKS_TO_WITNESS)
            if self._gateway.up:
                task = self._gateway.spawn(self._gateway.gateway.ledger.head())
                await asyncio.wait([task])
                if not task.cancelled() and task.exception() is None:
                    self._see(task.result()[1])

    def _see(self, note: str) -> None:
        checkpoint = open_checkpoint(note, _verifiers(self._files))
        self._heads.append((checkpoint.size, checkpoint.root))

    async def _all_end(self) -> list[str]:
        """Wait until nothing is open, owed or kept, while everybody does what is asked of him."""
        deadline = self._loop.time() + self._tempo.ends_s
        attended: dict[str, tuple[int, int]] = {}
        left: list[str] = []
        while self._loop.time() < deadline:
            await asyncio.sleep(self._tempo.watch_s)
            for host in self._hosts:
                await host.standing()
            left = await self._left_open(attended)
            if not left:
                self.met["cases"] += len(await transfers_of(self._gateway.gateway))
                return []
        return [f"all_end: still open after {self._tempo.ends_s / 3600:.0f} h of fair weather: {each}" for each in left[:8]]

    async def _left_open(self, attended: dict[str, tuple[int, int]]) -> list[str]:
        gateway = self._gateway.gateway
        left = []
        for row in await transfers_of(gateway):
            if State(row["state"]) in CLOSED:
                continue
            left.append(f"{row['transfer'][:8]} {row['state']}, waiting on {row['waiting_on']}")
            if self._is_time(attended, row["transfer"], row["ver"]):
                ended, again = await self._consent_ended(row), attended[row["transfer"]][1] > 0
                await self._workload.conduct.attend(row, consent_ended=ended, again=again)
        for outcome in (await gateway.parts.status.contested(""))["outcomes"]:
            left.append(f"outcome {outcome['outcome'][:8]} is contested, waits for a {outcome['waits_for']}")
            if outcome["waits_for"] == "ruling" and self._is_time(attended, outcome["outcome"], outcome["ver"]):
                await self._workload.rulings.rule(outcome)
        left += [
            f"owed to {lane}: {count} {state}"
            for lane, state, count in await gateway.parts.status.owed_counts()
            if state in {"new", "ready"}
        ]
        left += unnamed(self._strikes.lost, await differences(gateway.database, MEMBERS))
        for member, bank in self._banks.items():
            store = bank.connector.store
            left += [f"{member} still has to send {row.act} ({row.last_error})" for row in await store.due("9999", 8)]
            left += [f"{member} still has to {row.todo}" for row in await store.to_do()]
            left += [f"{member} still keeps a {row.act}" for row in await store.kept(8)]
        return left

    @staticmethod
    def _is_time(attended: dict[str, tuple[int, int]], what: str, ver: int) -> bool:
        """Whether somebody is to see to it at this look: at the first at this version, and now and then while it stays."""
        known, looks = attended.get(what, (-1, 0))
        attended[what] = ver, looks + 1 if known == ver else 0
        return attended[what][1] % ATTEND_EVERY == 0

    async def _consent_ended(self, row: Mapping[str, Any]) -> bool:
        found = await self._gateway.gateway.database.fetch("transfers_by_id", ids=f'["{row["transfer"]}"]')
        return datetime.fromisoformat(TransferRow(*found[0]).consent_until) <= self._clock.now()

    # -- taking stock --

    async def _judge(self, plan: Plan) -> list[str]:
        gateway = self._gateway.gateway
        export = await export_log(gateway, self._registrar.trust)
        self._see(export.files["checkpoint"].decode("utf-8"))
        self.evidence = evidence = await self._evidence(export)
        self.met.update(f"leaf {leaf.type}" for leaf in evidence.leaves)
        self.met.update(f"ended {case['state']}" for case in evidence.cases.values())
        self.steps = steps_of(evidence.leaves)
        self.met.update(f"row {name}" for name in (reached(self.steps) + contests(evidence.leaves)).elements())
        self.trace.add("log", export.report.size, _without_signatures(evidence))
        wrong = check_all(evidence)
        if plan.leaf_changed and not wrong:
            wrong += await self._change_leaf(export)
        return wrong

    async def _evidence(self, export: Export) -> Evidence:
        gateway = self._gateway.gateway
        cases = {row["transfer"]: await gateway.parts.status.show(row["transfer"], "") for row in await transfers_of(gateway)}
        banks = {}
        for member, bank in self._banks.items():
            store = bank.connector.store
            outbox, inbox = await store.messages(), await store.inbox()
            contents = {row.jti: await store.contents("out", row.jti) for row in outbox}
            contents |= {row.jti: await store.contents("in", row.jti) for row in inbox}
            banks[member] = BankRecord(bank.bank, outbox, inbox, {case.transfer: case for case in await store.cases()}, contents)
        folder = self._files.settings.node.data_folder
        stored = b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if not file.name.endswith("-shm"))
        return Evidence(
            cases, banks, export, self._tools.standard, self._heads, self._workload.learners, self._logged, stored,
            [each for host in self._hosts for each in host.unexpected], self._clock.now(),
            self._strikes.lost, await differences(gateway.database, MEMBERS), self._strikes.jumps,
            [each.what for each in await mismatches(gateway.database)], await self._differing(export) if self._rebuilds else (),
        )  # fmt: skip

    async def _differing(self, export: Export) -> list[str]:
        settings = self._files.settings
        key = KeyEncryptionKey.load(settings.keys.master_key_file)
        return await differing(settings.node.data_folder / DATABASE_FILE, key, self._tools.standard, export.leaves)

    async def _change_leaf(self, export: Export) -> list[str]:
        """Somebody with the file in his hands changes one byte of one leaf."""
        chance = self._chance("hand")
        index = chance.randrange(len(export.leaves))
        raw = bytearray(export.leaves[index])
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        self.met[f"fault {Kind.LEAF_CHANGED}"] += 1
        await self._gateway.gateway.database.group([], lambda _rows: [Write(CHANGE_LEAF, [(bytes(raw), index)], hits=1)])
        report = await audit_again(self._gateway.gateway, export.trust)
        return [f"change_found: {each}" for each in change_found(index, report)]


async def _after(at: float, what: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """`what`, so many seconds from now."""
    await asyncio.sleep(at)
    await what()


def _without_signatures(evidence: Evidence) -> str:
    """One digest over all leaves.  A signature under ES256 is another one each time, so what was signed stands for it."""
    whole = sha256()
    for raw, leaf in zip(evidence.export.leaves, evidence.leaves, strict=True):
        signature = leaf.envelope.rpartition(".")[2].encode("ascii")
        whole.update(raw.replace(signature, b"") if signature else raw)
    return whole.hexdigest()


def _verifiers(files: SandboxFiles) -> Sequence[Verifier]:
    return Judge(files.trust).verifiers
