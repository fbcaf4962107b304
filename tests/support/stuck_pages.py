"""Something stuck for the pages to show: a held case, a dead letter, a selection of each, an alarm.

Set by hand in a sandbox where nothing moves any more: the real ones take days.
"""

import json
from collections.abc import Sequence
from datetime import timedelta

from gateway.app import Gateway
from gateway.model.people import Person, Role
from gateway.model.transfer import State
from gateway.simulator.reckoning import transfers_of
from gateway.storage.database import Row, Write
from gateway.storage.rows import OwedRow, TransferRow
from gateway.transfers.alerts import Alerts, Finding
from gateway.transfers.case import utc_text
from gateway.transfers.operator_acts import Acting
from gateway.transfers.selections import Selection, Wanted
from gateway.transfers.waiting_list import HELD, LETTER, RETRY, Sought

LETTER_ID = "sample-dead-letter"
CENTRE = Person("centre", "测试员", frozenset({Role.CENTRE_OPERATOR}))


async def stuck_pages(gateway: Gateway) -> dict[str, str]:
    """Ids by the names that the table of pages uses."""
    rows = await transfers_of(gateway)
    now = gateway.clock.now()
    old, never = utc_text(now - timedelta(days=5)), utc_text(now + timedelta(days=300))
    withdrawn = next(row for row in rows if row["state"] == State.WITHDRAWN)
    rejected = await _row(gateway, next(row["transfer"] for row in rows if row["state"] == State.REJECTED))
    letter = OwedRow(LETTER_ID, withdrawn["accepting"], withdrawn["transfer"], 99, "notify", "withdrawn", "", "{}", "[]", "new", 12, never,
                     "", old, 0, old, old)  # fmt: skip
    held = rejected._replace(state=State.HELD, held_from=State.DELIVERING, deadline=None, changed_at=old)

    def decide(_rows: Sequence[list[Row]]) -> Sequence[Write]:
        return [Write("owed_put", [letter]), Write("transfer_put", [held])]

    await gateway.database.group((), decide)
    selections, found = gateway.parts.centre.selections, {}
    for kind, name in ((HELD, "frozen"), (LETTER, "released")):
        (one,) = await selections.listed(Sought(kind))
        made = await selections.freeze(CENTRE, Wanted(kind, RETRY, unit=one.unit), "对方已恢复")
        assert isinstance(made, Selection)
        found[name] = made.token
    await selections.use(CENTRE, found["released"])
    acting = Acting(gateway.committer, gateway.ids)
    await Alerts(gateway.database, gateway.clock, acting).note(
        [Finding("held", held.accepting, "error"), Finding("clocks_apart", "", "error")]
    )
    return {"letter": LETTER_ID, **found}


async def _row(gateway: Gateway, transfer: str) -> TransferRow:
    return TransferRow(*(await gateway.database.fetch("transfers_by_id", ids=json.dumps([transfer])))[0])
