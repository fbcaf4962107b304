"""Checkpoints are taken to the witnesses of the member banks, and what they answer is kept or stops the log.

At most one checkpoint a second is offered, the same to all, so that a quorum meets at one size; each witness has a lane of
its own, so a slow or silent one delays nobody.  A cosignature is verified before it is stored, and stored for ever.
A witness that holds a longer log than ours, or another root, is evidence that ours was rolled back or forked: from that
commit on no leaf is taken, on this node at once and on every other at its next look, and a restart changes nothing.  The
stop ends only when that very witness cosigns a head of ours that is not shorter than the one it held, or when the signed
trust file no longer names it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from gateway.crypto.keys import verify_ed25519
from gateway.errors import GatewayError, TransferLogError
from gateway.federation.channels.witness import WitnessChannel
from gateway.federation.members import Member
from gateway.federation.registry import TrustFile
from gateway.metrics import LOG_STOPPED, WITNESSED
from gateway.model.ports import Clock
from gateway.storage.conflict_rows import ConflictRow
from gateway.storage.database import Database, Write
from gateway.transferlog.checkpoint import Checkpoint, Verifier, decode_vkey, open_checkpoint, open_note
from gateway.transferlog.tiles import TileRef, consistency_proof, consistency_tiles
from gateway.transferlog.witness import BAD_PROOF, CONFLICT, Cosigned, Declined, Holds, parse_answer, write_offer
from gateway.transfers.case import utc_text
from gateway.transfers.finality import Finality
from gateway.transfers.log_reading import LogReading
from gateway.transfers.unit_of_work import Ledger

log = structlog.get_logger("gateway.witnessing")
EVERY_S = 1.0
ROUND_S: Final = 30.0
"""So long a checkpoint waits for slow witnesses before the next one is offered."""
START_S: Final = 5.0
REST_S_MAX: Final = 60.0
TRIES: Final = 3
ROLLED_BACK: Final = "rolled_back"
SPLIT_VIEW: Final = "split_view"


@dataclass(frozen=True, slots=True)
class WitnessPlace:
    """A member's witness as the trust file names it.  `key` is `name+id`: a changed key is another witness."""

    member: str
    url: str
    verifier: Verifier

    @property
    def key(self) -> str:
        return f"{self.verifier.key.name}+{self.verifier.key.id.hex()}"


class Witnessing:
    """Make it, `check` before the first append, then `run`.  Without a `channel` nobody is asked."""

    def __init__(
        self,
        database: Database,
        reading: LogReading,
        ledger: Ledger,
        finality: Finality,
        trust: Callable[[], TrustFile],
        channel: WitnessChannel | None,
        clock: Clock,
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._reading = reading
        self._ledger = ledger
        self._finality = finality
        self._trust = trust
        self._channel = channel
        self._clock = clock
        self._every_s = every_s
        self._target = 0
        self._since = 0.0
        self._busy: set[str] = set()
        self._cosigned: dict[str, int] = {}
        self._failures: dict[str, int] = {}
        self._rests: dict[str, float] = {}
        self._unwritten: dict[str, int] = {}
        """Sizes held by members whose contradiction could not be stored yet: the log stays stopped on this node all the same."""
        self.open = asyncio.Event()
        """Set while the log may take leaves, as of the last look."""

    async def check(self) -> None:
        """Before the first append: compare the head with our own past cosignatures and with what every witness holds.

        A witness that does not answer in time is asked again later; a log is not closed for silence.
        """
        await self._compare_own()
        if self._channel is not None:
            async with asyncio.TaskGroup() as tasks:
                for who in self.witnesses():
                    tasks.create_task(self._bounded(who))
        await self.look()

    async def run(self) -> None:
        """Offer checkpoints until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self.offer_round(tasks)
                except GatewayError as error:
                    log.warning("witnesses_not_asked", code=error.code)
                await asyncio.sleep(self._every_s)

    async def offer_round(self, tasks: asyncio.TaskGroup) -> None:
        """Start a lane for each witness that has not cosigned the present target and is not being asked."""
        await self.look()
        if self._channel is None:
            return
        await self._choose()
        now = asyncio.get_running_loop().time()
        for who in self.witnesses():
            due = self._cosigned.get(who.key, 0) < self._target and now >= self._rests.get(who.key, 0.0)
            if due and who.key not in self._busy:
                self._busy.add(who.key)
                tasks.create_task(self._lane(who, self._target))

    def witnesses(self) -> list[WitnessPlace]:
        """Those that can be asked."""
        members = self._trust().data.members
        return [
            WitnessPlace(member.id, member.witness_url.rstrip("/"), Verifier(decode_vkey(member.witness_vkey), verify_ed25519))
            for member in members
            if member.witness_url
        ]

    async def look(self) -> None:
        """Open or close the log by what is stored; a conflict with a witness that the trust file no longer names is over."""
        named = {member.id for member in self._trust().data.members if member.witness_vkey}
        standing = []
        for row in await self._database.fetch("conflicts_open"):
            conflict = ConflictRow(*row)
            if conflict.member in named:
                standing.append(conflict)
            else:
                await self._resolve(conflict)
        stopped = bool(standing or self._unwritten.keys() & named)
        self._ledger.stopped = stopped
        LOG_STOPPED.set(stopped)
        if stopped:
            self.open.clear()
        else:
            self.open.set()

    # -- one round --

    async def _choose(self) -> None:
        """The target stays until it is final, nobody works on it any more, or it has waited long enough."""
        size, _ = await self._reading.head()
        now = asyncio.get_running_loop().time()
        if size == self._target or (self._busy and now - self._since < ROUND_S and await self._finality.size() < self._target):
            return
        self._target, self._since = size, now

    async def _lane(self, who: WitnessPlace, size: int) -> None:
        try:
            result = await self._offer(who, size)
        except GatewayError as error:
            result = "silent"
            log.warning("witness_silent", member=who.member, code=error.code, reason=error.facts.get("reason"))
        finally:
            self._busy.discard(who.key)
        WITNESSED.labels(who.member, result).inc()
        failures = 0 if result in {"cosigned", "behind"} else self._failures.get(who.key, 0) + 1
        self._failures[who.key] = failures
        rest_s = min(REST_S_MAX, self._every_s * 2 ** min(failures, 10)) if failures else 0.0
        self._rests[who.key] = asyncio.get_running_loop().time() + rest_s

    async def _bounded(self, who: WitnessPlace) -> None:
        """At the start: the head with itself as the old size, which every witness can answer at once from what it holds."""
        size, root = await self._reading.head()
        try:
            async with asyncio.timeout(START_S):
                if await self._take(who, size, size, self._ledger.note(size, root), ()) is not None:
                    await self._suspect(who)
        except TimeoutError:
            log.warning("witness_silent", member=who.member, code="peer.unavailable", waited_s=START_S)
        except GatewayError as error:
            log.warning("witness_silent", member=who.member, code=error.code, reason=error.facts.get("reason"))

    async def _offer(self, who: WitnessPlace, size: int) -> str:
        """`cosigned`, `behind` (it will be asked again), or `declined`.  Raises PeerError, StorageError."""
        old = await self._believed(who, size)
        note = self._ledger.note(size, await self._reading.root(size))
        for _ in range(TRIES):
            held = await self._take(who, old, size, note, await self._proof(old, size))
            if held is None:
                return "cosigned"
            if not 0 <= held <= size:
                return "declined" if held < 0 else "behind"
            old = held
        return "declined"

    async def _take(self, who: WitnessPlace, old: int, size: int, note: str, proof: Sequence[bytes]) -> int | None:
        """Ask once.  None: cosigned and stored; a size: what it holds instead; -1: it declines."""
        assert self._channel is not None
        raw = await self._channel.offer(who.url, write_offer(old, proof, note))
        match parse_answer(raw.status, raw.text, note, who.verifier):
            case Cosigned(line=line):
                await self._keep(who, size, line)
                return None
            case Holds(size=held):
                newest, _ = await self._reading.head()
                if held > newest:
                    await self._contradicted(who, ROLLED_BACK, held, await self._shown(who))
                elif held == old:  # it holds that size, and still will not: another root?
                    await self._suspect(who)
                else:
                    return held
                return -1
            case Declined(status=status):
                if status in {CONFLICT, BAD_PROOF}:
                    await self._suspect(who)
                log.warning("witness_declines", member=who.member, status=status, size=size)
                return -1

    async def _believed(self, who: WitnessPlace, size: int) -> int:
        """The size it cosigned last, as far as we know."""
        if who.key not in self._cosigned:
            rows = await self._database.fetch("cosigned_last_by", witness=who.key)
            self._cosigned[who.key] = rows[0][0] if rows else 0
        return min(self._cosigned[who.key], size)

    async def _proof(self, old: int, size: int) -> Sequence[bytes]:
        if old in {0, size}:
            return ()
        tiles = await self._reading.tiles(consistency_tiles(old, size))
        return consistency_proof(old, size, lambda level, index, width: tiles[TileRef(level, index, width)])

    async def _keep(self, who: WitnessPlace, size: int, line: str) -> None:
        if size:
            writes = [Write("cosignature_put", [(size, who.key, line)])]
            await self._database.group([], lambda _rows: writes)
            self._cosigned[who.key] = size
        if self._unwritten.get(who.member, size + 1) <= size:
            del self._unwritten[who.member]
        for row in await self._database.fetch("conflicts_open"):
            conflict = ConflictRow(*row)
            if conflict.member == who.member and conflict.their_size <= size:
                await self._resolve(conflict)

    # -- conflicts --

    async def _compare_own(self) -> None:
        """Cosignatures we have stored are about our own past: a head below them, or a root they do not fit, is none of ours."""
        size, _ = await self._reading.head()
        members = {decode_vkey(vkey): each.id for each in self._trust().data.members for vkey in _vkeys(each)}
        places = {f"{key.name}+{key.id.hex()}": (key, member) for key, member in members.items()}
        for cosigned, witness, line in await self._database.fetch("cosigned_newest", most=len(places)):
            if witness not in places:
                continue
            key, member = places[witness]
            if cosigned > size:
                await self._stop(member, ROLLED_BACK, cosigned, line)
                continue
            try:
                open_note(self._ledger.note(cosigned, await self._reading.root(cosigned)) + line, [Verifier(key, verify_ed25519)])
            except TransferLogError:
                await self._stop(member, SPLIT_VIEW, cosigned, line)

    async def _suspect(self, who: WitnessPlace) -> None:
        """It will not cosign what should extend its head.  Only a head under our own key can show that the fault is ours."""
        shown = await self._shown(who)
        if shown is None:
            return
        checkpoint, _ = shown
        newest, _ = await self._reading.head()
        if checkpoint.size > newest:
            await self._contradicted(who, ROLLED_BACK, checkpoint.size, shown)
        elif await self._reading.root(checkpoint.size) != checkpoint.root:
            await self._contradicted(who, SPLIT_VIEW, checkpoint.size, shown)

    async def _shown(self, who: WitnessPlace) -> tuple[Checkpoint, str] | None:
        """The note it holds, if it shows one that this log's own key signed."""
        assert self._channel is not None
        try:
            answer = await self._channel.held(who.url)
            known = [Verifier(decode_vkey(self._trust().data.gateway.log_vkey), verify_ed25519)]
            return (open_checkpoint(answer.text, known), answer.text) if answer.status == 200 else None
        except GatewayError:
            return None

    async def _contradicted(self, who: WitnessPlace, kind: str, held: int, shown: tuple[Checkpoint, str] | None) -> None:
        await self._stop(who.member, kind, held, shown[1] if shown is not None else "")

    async def _stop(self, member: str, kind: str, held: int, evidence: str) -> None:
        """No leaf from here on: in memory first, then for every node and every restart."""
        self._unwritten[member] = held
        self._ledger.stopped = True
        self.open.clear()
        LOG_STOPPED.set(1)
        if any(row[1] == member for row in await self._database.fetch("conflicts_open")):
            self._unwritten.pop(member, None)
            return
        size, root = await self._reading.head()
        row = (utc_text(self._clock.now()), member, kind, size, self._ledger.note(size, root), held, evidence)
        await self._database.group([], lambda _rows: [Write("conflict_add", [row])])
        self._unwritten.pop(member, None)
        log.error("transfer_log_stopped", member=member, kind=kind, our_size=size, their_size=held, proven=bool(evidence))

    async def _resolve(self, conflict: ConflictRow) -> None:
        row = (utc_text(self._clock.now()), conflict.member, conflict.found_at)
        await self._database.group([], lambda _rows: [Write("conflict_resolve", [row], hits=1)])
        log.warning("transfer_log_conflict_over", member=conflict.member, kind=conflict.kind, their_size=conflict.their_size)


def _vkeys(member: Member) -> list[str]:
    """With which a witness cosigns, or did before its key was changed; none of a member that is no witness any more (TL-41)."""
    return [member.witness_vkey, *(each.vkey for each in member.witness_retired)] if member.witness_vkey else []
