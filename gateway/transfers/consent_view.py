"""Consents as a bank's operator or the centre may list them: ids, parties and terms, nothing of the learner."""

from typing import Any, Final

from gateway.storage.database import Database
from gateway.storage.rows import ConsentRow

PAGE: Final = 200


async def consents_of(database: Database, controller: str, cursor: str) -> dict[str, Any]:
    """`{"consents": […], "next": cursor or None}` in the order of id and holder; `controller` "" lists everybody's."""
    rows = [ConsentRow(*row) for row in await database.fetch("consents_of", controller=controller, after=cursor, most=PAGE + 1)]
    shown = rows[:PAGE]
    return {"consents": [_json(row) for row in shown], "next": f"{shown[-1].id}/{shown[-1].controller}" if len(rows) > PAGE else None}


def _json(row: ConsentRow) -> dict[str, Any]:
    return {
        "consent": row.id,
        "controller": row.controller,
        "recipient": row.recipient,
        "until": row.until,
        "state": row.state,
        "used_by": row.transfer,
        "registered": bool(row.digest),
    }
