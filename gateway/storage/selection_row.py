"""The row of a frozen selection, in column order; times are RFC 3339 UTC texts."""

from typing import NamedTuple


class SelectionRow(NamedTuple):
    """A selection frozen for a bulk action.  `kind`: `held`, `letter`; `action`: `retry`, `cancel`; `filter` is canonical JSON.

    `chosen` is JSON, a list of `[id, transfer, source, stamp]` in order: a stamp tells whether the case has changed
    since.  `rate` is how many a second the operator allows.  `state`: `frozen`, `approved`, `used`; `approved_by` is "" until
    somebody else has approved.
    """

    token: str
    made_by: str
    made_at: str
    kind: str
    action: str
    filter: str
    reason: str
    rate: int
    chosen: str
    state: str
    approved_by: str
    changed_at: str
