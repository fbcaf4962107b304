"""The presiding unit's connector collects what the centre released for it, and signs it once the bank says so.

    not known here          ask for it, check it, keep it: it waits for a person, or is signed by the bank's setting
    waits for a person      nothing, until the bank's console says yes to exactly this digest
    signed                  ask for it again, sign what has not moved yet, one by one at its rate; a pause or a stop is obeyed
    nothing left            over; stale, stopped, changed: named, and not asked for again

The gateway tells which entries have moved; whatever was sent before a crash has, so a run that was cut off is started again.  An order
that was refused is not repeated: the refusal is kept with the selection.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import structlog

from gateway.client.office import Office, wait_for
from gateway.client.orders import Operator
from gateway.client.reading import ReadingApi
from gateway.client.selected import carry_out, collect
from gateway.client.selection_book import ASKED, OVER, SIGNED, STALE, STOPPED, Here, SelectionBook
from gateway.errors import GatewayError, PeerError, PeerUnavailableError, StorageError, TransferError
from gateway.federation.channels.https import HttpsChannel

LISTED_MAX: Final = 200
log = structlog.get_logger("gateway.connector")


class Policy(StrEnum):
    """What the bank lets its connector do with a selection: ask a person, or sign at once."""

    ASK = "ask"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class SelectionDesk:
    """One bank's."""

    office: Office
    api: ReadingApi
    channel: HttpsChannel
    book: SelectionBook
    policy: Policy

    async def run(self, every_s: float) -> None:
        """Look, and look again, until cancelled.  A gateway that does not answer ends nothing."""
        while True:
            self.book.bell.clear()
            try:
                await self.look()
            except StorageError:
                raise
            except GatewayError as fault:
                log.warning("selections_not_collected", member=self.office.setup.member, code=fault.code)
            await wait_for(self.book.bell, every_s)

    async def look(self) -> None:
        """One round.  Raises PeerError, TrustError, StorageError."""
        listed = [str(token) for token in (await self.api.selections())[:LISTED_MAX]]
        for token in listed:
            if await self.book.known(token) is None:
                await self._take(token)
        for here in await self.book.rows(ASKED):
            if here.token not in listed:
                await self._ended(here)
        for here in await self.book.rows(SIGNED):
            await self._carry(here)

    async def _take(self, token: str) -> None:
        """Collect and keep.  One that does not hold is told and left alone."""
        try:
            selected = await collect(self.api, token)
        except PeerUnavailableError:
            raise
        except (TransferError, PeerError) as fault:
            log.warning("selection_not_believed", member=self.office.setup.member, selection=token, code=fault.code)
            return
        await self.book.keep(selected, selected.until, SIGNED if self.policy is Policy.SIGN else ASKED)

    async def _ended(self, here: Here) -> None:
        """It is not offered any more: why not?  One of very many may only have left the list."""
        try:
            selected = await collect(self.api, here.token)
        except TransferError as fault:
            await self.book.move(here, STALE, fault.code)
            return
        if selected.state == "stopped":
            await self.book.move(here, STOPPED)

    async def _carry(self, here: Here) -> None:
        """Sign what is left of one.  What the gateway calls it now must be what was agreed to."""
        try:
            selected = await collect(self.api, here.token)
            if selected.digest != here.digest:
                raise TransferError("transfer.selection_stale", "所选的内容已不同", "what was selected is something else now")
            if selected.state == "paused":
                return
            lines = await carry_out(selected, self.api, self._operator, lambda *_: None) if selected.state == "released" else []
        except TransferError as fault:
            await self._end(here, STALE, fault.code)
            return
        except PeerUnavailableError:
            raise
        except PeerError as fault:  # another one may hold
            await self.book.move(here, SIGNED, fault.code)
            return
        if selected.state == "stopped":
            await self._end(here, STOPPED)
        elif all(line["sent"] for line in lines):
            await self._end(here, OVER, _first_code(lines))
        else:
            await self.book.move(here, SIGNED, _first_code(lines))

    async def _end(self, here: Here, state: str, code: str = "") -> None:
        log.info("selection_ended", member=self.office.setup.member, selection=here.token, state=state, code=code)
        await self.book.move(here, state, code)

    @property
    def _operator(self) -> Operator:
        """With the trust file in force."""
        setup = self.office.setup
        return Operator(setup.member, setup.key, setup.gateway_url, self.office.judge, self.channel, setup.clock, setup.ids)


def _first_code(lines: list[dict[str, Any]]) -> str:
    return next((str(line["code"]) for line in lines if line["code"]), "")
