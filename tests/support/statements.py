"""Cases of one ordered pair in one month, and the statement about them."""

import json
from dataclasses import dataclass
from typing import Any

from support.auditor import Books, shanghai_part
from support.region import Heard, Owed, World, decide, posting, take, to_reviewing

from gateway.model.documents import Verdict
from gateway.recognition.statement import Difference, Statement, scope_of, write_countersignature, write_differences
from gateway.storage.rows import StatementRow

SOURCE, ACCEPTING, MONTH = "CN-31", "CN-32", "2026-11"
SCOPE = scope_of(SOURCE, ACCEPTING, MONTH)


async def settled_case(world: World, *records: str) -> str:
    """The first record recognised with 2.5 of its credits, the others refused; booked by both banks."""
    opened = await world.send(world.request(SOURCE, ACCEPTING, records, shanghai_part(*records)))
    assert opened.status == 202, opened.body
    owed, heard = await to_reviewing(world, ACCEPTING)
    verdicts = {records[0]: (Verdict.RECOGNISED, "2.5")} | dict.fromkeys(records[1:], (Verdict.REFUSED, "0"))
    decided = await decide(world, ACCEPTING, owed, heard, verdicts)
    assert decided.status == 200, decided.body
    notice = next(each for each in await take(world, SOURCE) if each.event == "decided")
    await world.act(SOURCE, "posted", posting(world, records[0]), scp=owed.transfer, irt=notice.jti, posture="done")
    done = await world.act(ACCEPTING, "posted", posting(world, records[0]), scp=owed.transfer, irt=decided.body["jti"], posture="done")
    assert done.body["state"] == "settled", done.body
    return owed.transfer


async def pending_case(world: World, *records: str) -> str:
    opened = await world.send(world.request(SOURCE, ACCEPTING, records, shanghai_part(*records)))
    assert opened.status == 202, opened.body
    return str(opened.body["transfer"])


async def month_over(world: World, *, days: int = 29) -> None:
    """The month ends; nothing else happens meanwhile."""
    world.clock.advance(days=days)
    await world.gateway.statements.look()


@dataclass
class Hands:
    """A bank with a statement in its hands."""

    world: World
    member: str
    owed: Owed
    statement: Statement

    @property
    def sd(self) -> str:
        return self.owed.sd["statement"]

    async def sign(self, iss: str = "", **changes: Any) -> Heard:
        word = write_countersignature(changes.pop("sd", self.sd), changes.get("ver", self.statement.revision))
        claims = {"scp": self.statement.scope, "ver": self.statement.revision} | changes
        return await self.world.act(iss or self.member, "statement-sign", [("countersignature", word)], **claims)

    async def dispute(self, *items: Difference, **changes: Any) -> Heard:
        word = changes.pop("data", None) or write_differences(self.sd, self.statement.revision, items)
        claims = {"scp": self.statement.scope, "ver": self.statement.revision} | changes
        return await self.world.act(self.member, "statement-dispute", [("differences", word)], **claims)


async def handed(world: World, member: str) -> Hands:
    """The statement that waits for a bank."""
    owed = next(each for each in await take(world, member) if each.event == "statement")
    return Hands(world, member, owed, Statement.read(owed.contents["statement"]))


def row_of(found: Books, scope: str = SCOPE) -> StatementRow:
    keys = "(SELECT json_group_object(p.part_id, hex(p.wrapped)) FROM part_key p)"
    sql = f"SELECT s.*, {keys} FROM statement s WHERE s.id = ?"
    (values,) = found.opened("statements_by_id", sql, scope)
    return StatementRow(*values)


def figures(row: StatementRow) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(row.figures)
    return told
