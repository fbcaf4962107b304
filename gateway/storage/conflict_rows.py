"""A witness against the log: the row that stops it."""

from typing import NamedTuple


class ConflictRow(NamedTuple):
    """A head of ours that a witness contradicts.  `kind`: `rolled_back` (it holds a longer log), `split_view` (another root).

    `our_note` is our signed note; `their_note` the one the witness showed, under our own key, "" where it showed none.
    `resolved_at` is "" while it stops the log.
    """

    found_at: str
    member: str
    kind: str
    our_size: int
    our_note: str
    their_size: int
    their_note: str
    resolved_at: str = ""
