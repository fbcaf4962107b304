"""The row of a handover between two presiding units, in column order; times and texts as in `rows`."""

from typing import NamedTuple


class HandoverRow(NamedTuple):
    """What the unit that goes signed for the one that comes.  `state`: `model.scopes.HandoverState`.

    The two turns are the rota's.  `log_root` is hex; `duties` a JSON object of counts by duty, as they were signed; `document` the bytes
    handed over; `remarks` a JSON object, by duty, of the counts that the incoming unit found otherwise.  `accepted_at` is "" and
    `accepted_leaf` -1 until it countersigned.
    """

    scope: str
    outgoing: str
    incoming: str
    ended_since: str
    ended_until: str
    begun_since: str
    begun_until: str
    state: str
    seq: int
    log_size: int
    log_root: str
    duties: str
    document: bytes
    handed_at: str
    handed_leaf: int
    remarks: str = "{}"
    accepted_at: str = ""
    accepted_leaf: int = -1
