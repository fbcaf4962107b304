"""What would happen now: a dry run of an order on what waits, under today's rules, registry and consents.  Nothing is sent or stored.

For a message that still has to go out, the very code that would build it builds it, and throws the result away.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from gateway.errors import GatewayError
from gateway.federation.members import Status
from gateway.federation.message import Content
from gateway.federation.protocol import GATEWAY_ID
from gateway.federation.registry import TrustFile
from gateway.storage.rows import OwedRow
from gateway.transfers.dispatch import Dispatcher
from gateway.transfers.integrity_reads import FlagsShown
from gateway.transfers.waiting_list import CANCEL, HELD, Waiting

SENT: Final = "would_send"
BACK: Final = "would_return"
ENDED: Final = "would_end"
GIVEN_UP: Final = "would_be_given_up"
BARRED: Final = "would_be_refused"
SUSPENDED: Final = "member_suspended"
BEHIND: Final = "waits_behind"
UNREACHABLE: Final = "would_fail_unreachable"
TRIALS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of one entry.  `detail` is the error's code where the message could not be built, "" otherwise."""

    id: str
    outcome: str
    detail: str = ""


class DryDispatcher(Dispatcher):
    """Builds as the real one does; what it builds is kept nowhere."""

    __slots__ = ()

    @classmethod
    def of(cls, real: Dispatcher) -> "DryDispatcher":
        return cls(**{each.name: getattr(real, each.name) for each in fields(real)})

    async def _keep(
        self, row: OwedRow, made: Sequence[Content], originals: Sequence[tuple[str, str, str]], _shown: FlagsShown | None = None
    ) -> OwedRow | None:
        return row._replace(contents=json.dumps([*originals, *((GATEWAY_ID, row.jti, each.name) for each in made)]))

    async def error_of(self, row: OwedRow) -> str:
        """The code of what would keep this message from going out; "" where nothing would."""
        try:
            if row.act != "notify":
                await self._check_consent(row)
            if row.state == "new":
                await self._prepare(row)
            else:
                await self._built(row)
        except GatewayError as error:
            return error.code
        return ""


@dataclass(frozen=True, slots=True)
class Trials:
    """`breaker` tells how a member's lane is, "" when all is well."""

    dispatcher: DryDispatcher
    trust: Callable[[], TrustFile]
    breaker: Callable[[str], str]

    def rules_now(self, source: str) -> str:
        """The mapping rules by which a case from this bank would be read today, as cases name them."""
        rules = self.dispatcher.mapper.ruleset(self.dispatcher.adapters[source].region)
        return f"{rules.id}@{rules.version}"

    async def run(self, ones: Sequence[Waiting], action: str) -> list[Trial]:
        """The first `TRIALS_MAX` of them.  Raises StorageError."""
        ones = ones[:TRIALS_MAX]
        owed = await self._owed(ones)
        return [await self._one(one, action, owed.get(one.transfer, ())) for one in ones]

    async def _owed(self, ones: Sequence[Waiting]) -> Mapping[str, list[OwedRow]]:
        found: dict[str, list[OwedRow]] = {}
        ids = json.dumps(sorted({one.transfer for one in ones}))
        for row in await self.dispatcher.database.fetch("owed_by_transfer", ids=ids):
            found.setdefault(row[2], []).append(OwedRow(*row))
        return found

    async def _one(self, one: Waiting, action: str, owed: Sequence[OwedRow]) -> Trial:
        if not one.may(action):
            return Trial(one.id, BARRED)
        if action == CANCEL:
            return Trial(one.id, ENDED if one.kind == HELD else GIVEN_UP)
        open_ = [row for row in owed if row.state in {"new", "ready"} and row.lane in one.members]
        first = next((row for row in open_ if one.kind == HELD or row.jti == one.id), None)
        if first is None:
            return Trial(one.id, BACK)
        if any(row.number < first.number and row.lane == first.lane for row in open_):
            return Trial(one.id, BEHIND)
        member = self.trust().member(first.lane)
        if member is None or member.status is not Status.ACTIVE:
            return Trial(one.id, SUSPENDED)
        if code := await self.dispatcher.error_of(first):
            return Trial(one.id, BARRED, code)
        return Trial(one.id, UNREACHABLE if self.breaker(first.lane) not in {"", "closed"} else SENT)
