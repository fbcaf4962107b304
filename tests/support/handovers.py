"""Handovers by hand: a rota whose turn is about to change, and what its two units sign."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from support.region import START, Heard, Message, World, region, trust_data

from gateway.federation.members import TrustData, Turn
from gateway.mapping.documents import write
from gateway.model.documents import Handover, HandoverAcceptance, HandoverDuty, HandoverRemark
from gateway.model.scopes import handover_scope
from gateway.storage.handover_row import HandoverRow
from gateway.transfers.handovers import DUTIES

GOES, COMES, STRANGER = "CN-34", "CN-33", "CN-31"
ENDS = START + timedelta(days=20)
ROTA = (
    Turn(GOES, START - timedelta(days=30), ENDS),
    Turn(COMES, ENDS, START + timedelta(days=80)),
    Turn(GOES, START + timedelta(days=80), START + timedelta(days=300)),
)
SCOPE = handover_scope(GOES, ENDS, COMES, ENDS)


def with_rota(data: TrustData, *turns: Turn) -> TrustData:
    return replace(data, presiding=turns or ROTA)


def rotating(folder: Path) -> AbstractAsyncContextManager[World]:
    """A region whose presiding unit changes in twenty days."""
    return region(folder, with_rota(trust_data()))


@dataclass
class Units:
    """The hands of both units.  `do` sends, `must` expects it to be done."""

    world: World

    async def state(self) -> Mapping[str, Any]:
        """What is open now, and the log's head, as the gateway itself says."""
        board = await self.world.gateway.parts.presiding.board()
        size, root = await self.world.gateway.parts.reading.head()
        return {"duties": dict(board.open), "size": size, "root": root.hex()}

    async def handover(self, **changes: Any) -> Handover:
        """A good one of now, but for the changes; `duties` may name some counts."""
        state = await self.state()
        counts = state["duties"] | changes.pop("duties", {})
        made = Handover(
            GOES, COMES, ROTA[0].since, ROTA[0].until, ROTA[1].since, ROTA[1].until, state["size"], state["root"],
            tuple(HandoverDuty(duty, counts[duty]) for duty in DUTIES),
        )  # fmt: skip
        return replace(made, **changes)

    async def acceptance(self, **changes: Any) -> HandoverAcceptance:
        """Over what is stored, with the remarks that are due."""
        row, state = await self.row(), await self.state()
        signed = json.loads(row.duties) if row is not None else dict.fromkeys(DUTIES, 0)
        remarks = tuple(HandoverRemark(duty, signed[duty], n) for duty, n in state["duties"].items() if n != signed[duty])
        digest = sha256(row.document if row is not None else b"").hexdigest()
        return replace(HandoverAcceptance(digest, remarks), **changes)

    async def message(
        self, act: str, iss: str = "", document: Handover | HandoverAcceptance | bytes | None = None, **claims: Any
    ) -> Message:
        """`act` is `handover` or `handover-accept`."""
        giving = act == "handover"
        made = document if document is not None else await (self.handover() if giving else self.acceptance())
        content = ("handover" if giving else "acceptance", made if isinstance(made, bytes) else write(made))
        return self.world.message(iss or (GOES if giving else COMES), act, [content], **({"scp": SCOPE} | claims))

    async def do(self, act: str, iss: str = "", document: Handover | HandoverAcceptance | bytes | None = None, **claims: Any) -> Heard:
        return await self.world.send(await self.message(act, iss, document, **claims))

    async def must(self, act: str) -> Heard:
        heard = await self.do(act)
        assert heard.status == (202 if act == "handover" else 200), heard.body
        return heard

    async def row(self) -> HandoverRow | None:
        rows = await self.world.gateway.database.fetch("handovers_all")
        return next((HandoverRow(*row) for row in rows if row[0] == SCOPE), None)

    def at(self, moment: datetime) -> None:
        """Move the clock there."""
        assert moment >= self.world.clock.moment
        self.world.clock.moment = moment
