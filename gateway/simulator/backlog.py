"""A bank that is away for days while much is owed to it: everything arrives when it is back, in order, nothing twice, nothing lost.

The same region in fair weather, without people: so many learners apply at one bank for another that is switched off,
and the checks are those of every run, with three of its own over what the bank received.

    python -m gateway.simulator.backlog 1000
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.model.documents import Correction
from gateway.model.transfer import Act
from gateway.simulator.banks import AT_ONCE, Mood
from gateway.simulator.faults import DAY, FAIR, HOUR, HOURS, Plan, Tempo
from gateway.simulator.holidays import holidays
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import JIANGSU, SHANGHAI
from gateway.simulator.region import EPOCH, Region
from gateway.simulator.scenario import Chance, caught_logs, tools
from gateway.simulator.script import COURSES
from gateway.simulator.testimony import Evidence
from gateway.simulator.virtual_loop import VirtualLoop

AWAY_S = 3 * DAY
REVOKED_EVERY = 3
TEMPO: Tempo = replace(HOURS, storm_s=AWAY_S, watch_s=HOUR, longest_s=600.0)
CALM = Plan(AWAY_S, FAIR, (), consent_ends=False, leaf_changed=False, holidays_known_at=None)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What came of it: `wrong` is empty when all held; `virtual_s` from the bank's return until the last case was settled.

    `probes` is how often the gateway tried to reach the bank while it was away.
    """

    transfers: int
    wrong: Sequence[str]
    virtual_s: float
    real_s: float
    probes: int
    settled: int


class Away(Region):
    """Source Shanghai, accepting Jiangsu; the latter is off from the first moment on, for three days."""

    transfers = 0
    probes = 0
    back_at = 0.0

    async def _storm(self, plan: Plan) -> None:
        """Everybody applies while the bank is away."""
        bank = self._banks[JIANGSU]
        bank.down()
        pause = plan.storm_s * 0.9 / self.transfers
        for number in range(self.transfers):
            entries = [Entry("course", f"2023{number:05d}{place:02d}", COURSES[number % len(COURSES)], 80) for place in range(2)]
            learner = self._workload.learner(SHANGHAI, *entries)
            bank.bank.enrol(learner)
            await self._workload.apply(SHANGHAI, JIANGSU, learner)
            await asyncio.sleep(pause)
            if number % REVOKED_EVERY == 0:
                await self._revoke(number)
        await asyncio.sleep(plan.storm_s * 0.1)
        self.probes = self._network.posts_to[JIANGSU]
        bank.allow()
        self.back_at = self._loop.time()

    async def _revoke(self, number: int) -> None:
        """One of the two records is void: a second message about this case waits behind the first."""
        life = list(self._workload.conduct.lives.values())[number]
        await self._banks[SHANGHAI].connector.say(Act.REVOKE, life.transfer, Correction("other", "成果作废", life.records[:1]))

    def _mood(self, _transfer: str, _question: str) -> Mood:
        return AT_ONCE


def run(transfers: int, seed: int = 1, kept: list[Evidence] | None = None) -> Backlog:
    """So many transfers owed to a bank that is away.  `kept` is given what the checks were made of."""
    loop = VirtualLoop(inline=True)
    started = time.perf_counter()
    with TemporaryDirectory(prefix="backlog-", ignore_cleanup_errors=True) as folder, caught_logs() as logged, holidays() as table:
        region = Away(Path(folder), loop, tools(), lambda who: Chance.of(seed, who), logged, TEMPO, table)
        region.transfers = transfers
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            wrong = runner.run(region.play(CALM))
        assert region.evidence is not None, wrong
        if kept is not None:
            kept.append(region.evidence)
        wrong += in_order(region.evidence, transfers)
        states = Counter(case["state"] for case in region.evidence.cases.values())
        last = max(leaf.at for leaf in region.evidence.leaves if leaf.type == "transfer.settled")
        took = (datetime.fromisoformat(last) - EPOCH).total_seconds() - region.back_at
        return Backlog(transfers, wrong, took, time.perf_counter() - started, region.probes, states["settled"])


def in_order(evidence: Evidence, transfers: int) -> list[str]:
    """Every case was delivered once and settled once, and the messages of each came in the order in which they were owed."""
    wrong = []
    record = evidence.banks[JIANGSU]
    forwards = Counter(row.scope for row in record.inbox if row.act == Act.FORWARD)
    if len(evidence.cases) != transfers or set(forwards) != set(evidence.cases):
        wrong.append(f"{transfers} were opened, {len(evidence.cases)} are there, {len(forwards)} were delivered")
    wrong += [f"{scope[:8]} was delivered {count} times" for scope, count in forwards.items() if count > 1]
    numbers: dict[str, int] = {}
    for row in record.inbox:
        if row.seq is not None and row.seq <= numbers.get(row.scope, 0):
            wrong.append(f"{row.scope[:8]}: a message came before an earlier one")
        numbers[row.scope] = row.seq or 0
    booked = Counter(posted.transfer for posted in record.bank.posted.values())
    return wrong + [f"{scope[:8]} was booked {count} times" for scope, count in booked.items() if count > 1]


if __name__ == "__main__":
    found = run(int(sys.argv[1]))
    told = (
        f"{found.transfers} transfers, {found.settled} settled, {len(found.wrong)} wrong; {found.probes} probes while the bank was away, "
    )
    told += f"all settled within {found.virtual_s / 60:.0f} virtual minutes of its return; {found.real_s:.1f} s\n"
    sys.stdout.write(told + "".join(f"  {each}\n" for each in found.wrong[:20]))
    sys.exit(1 if found.wrong else 0)
