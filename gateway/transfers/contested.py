"""What waits for the presiding unit's `clear`: each contested outcome with the claims to it, as far as a judge needs to see them.

Record ids, banks and states; who the learners are only their banks can say.
"""

import json
from typing import Any

from gateway.storage.database import Database
from gateway.storage.rows import ItemRow, OutcomeRow, TransferRow
from gateway.transferlog.leaf import parse_leaf
from gateway.transfers.acts import Presiding
from gateway.transfers.case import parties_of
from gateway.transfers.claims import Claim, cases_named, claims_of
from gateway.transfers.clearing import presiding_over
from gateway.transfers.contests import LIVE
from gateway.transfers.log_reading import LogReading

CONTESTED_MAX = 500


async def contested_outcomes(database: Database, reading: LogReading, presiding: Presiding, member: str) -> dict[str, Any]:
    """`{"outcomes": […], "more": …}`: those over which `member` presides, or all for "" (the centre).  `more`: there are others still."""
    rows = [OutcomeRow(*row) for row in await database.fetch("outcomes_contested", most=CONTESTED_MAX + 1)]
    ids = json.dumps(sorted(cases_named(rows)))
    cases = {row[0]: TransferRow(*row) for row in await database.fetch("transfers_by_id", ids=ids)}
    items: dict[str, list[ItemRow]] = {}
    for row in await database.fetch("items_by_transfer", ids=ids):
        items.setdefault(row[0], []).append(ItemRow(*row))
    found = []
    for outcome in rows[:CONTESTED_MAX]:
        parties = frozenset(party for claim in claims_of(outcome) for party in parties_of(cases[claim.transfer]))
        unit = presiding_over(parties, presiding)
        if member in {"", unit}:
            claims = [
                await _claim(reading, claim, cases[claim.transfer], _item(items[claim.transfer], outcome.nf))
                for claim in claims_of(outcome)
            ]
            found.append(
                {
                    "outcome": outcome.nf,
                    "ver": outcome.ver,
                    "waits_for": "recall" if outcome.ruled else "ruling",
                    "ruled": outcome.ruled,
                    "presiding_unit": unit,
                    "since": max(claim["since"] for claim in claims),
                    "claims": claims,
                }
            )
    return {"outcomes": sorted(found, key=lambda each: str(each["since"])), "more": len(rows) > CONTESTED_MAX}


def _item(items: list[ItemRow], nf: str) -> ItemRow:
    mine = [item for item in items if item.nf == nf]
    return next((item for item in mine if item.state in LIVE), mine[0])


async def _claim(reading: LogReading, claim: Claim, row: TransferRow, item: ItemRow) -> dict[str, Any]:
    (leaf,) = await reading.entries(claim.leaf, claim.leaf + 1)
    return {
        "transfer": claim.transfer,
        "record": item.record,
        "live": claim.live,
        "item": item.state,
        "source": row.source,
        "accepting": row.accepting,
        "facing": row.facing,
        "state": row.state,
        "deadline": row.deadline,
        "leaf": claim.leaf,
        "since": parse_leaf(leaf).at,
    }
