"""What a learner of the sandbox has to look at: a settled case in which 3.5 credits became 3.0, and flags on what it brought."""

import json
from collections.abc import Sequence

from gateway.app import Gateway
from gateway.crypto.digests import pseudonym
from gateway.simulator.people import JIANGSU, ZHEJIANG, Learner
from gateway.storage.database import Row, Write
from gateway.storage.flag_rows import FlagRow
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transfers.case import utc_text

APPEALED = {"state": "appealed", "appealed_by": ZHEJIANG, "appeal_reason": "clerical_error"}


async def mine_pages(gateway: Gateway, learner: Learner) -> dict[str, str]:
    """The case's id by the name that the table of pages uses.  The flags are set by hand: they have no leaves of their own."""
    owner, at = pseudonym(gateway.receiver.pseudonym_key, learner.citizen_id), utc_text(gateway.clock.now())
    rows = await gateway.database.fetch("transfers_of_learner", learner=owner, before_at="~", before_id="", most=9)
    case = next(row.id for row in (TransferRow(*each) for each in rows) if row.source == JIANGSU)
    items = [ItemRow(*row) for row in await gateway.database.fetch("items_by_transfer", ids=json.dumps([case]))]
    plain = FlagRow(
        "integrity:" + "1" * 64, items[0].nf, owner, case, items[0].record, JIANGSU, JIANGSU, "duplicate_claim", "claimed_twice",
        "flagged", 1, 0, at, at,
    )  # fmt: skip
    other = plain._replace(scope="integrity:" + "2" * 64, kind="confirmed_fraud", reason="other_person", due=at, **APPEALED)

    def decide(_rows: Sequence[list[Row]]) -> Sequence[Write]:
        return [Write("flag_put", [plain, other])]

    await gateway.database.group((), decide)
    return {"mine": case}
