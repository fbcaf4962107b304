"""The rows of alarms, of what was sent of them, and of notes on dead letters, in column order.  Times as in `rows`."""

from typing import NamedTuple


class AlertRow(NamedTuple):
    """One alarm.  `state`: `firing`, `acked`, `over`.  `n` is the newest count behind it, `times` how often it was seen.

    `told_at` is when somebody was last told, "" never; `silenced_until` "" where it is not silenced; `reason` is the newest person's.
    """

    fingerprint: str
    event: str
    member: str
    level: str
    first_at: str
    last_at: str
    times: int
    n: int
    state: str
    told_at: str
    acked_by: str
    acked_at: str
    silenced_by: str
    silenced_until: str
    reason: str


class NoteRow(NamedTuple):
    """What a person wrote on a dead letter; nothing personal of a learner."""

    n: int
    jti: str
    at: str
    person: str
    text: str
