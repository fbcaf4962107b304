"""The rows of the tables about people who sign in, one named tuple each, in column order.  Times as in `rows`."""

from typing import NamedTuple


class SessionRow(NamedTuple):
    """Somebody signed in.  `id` is the SHA-256 of the cookie's value; `roles` are words with spaces between."""

    id: str
    person: str
    name: str
    roles: str
    member: str
    created_at: str
    seen_at: str
    expires_at: str


class PersonActRow(NamedTuple):
    """What somebody did or was refused: on what, with which outcome and why; `times` counts a refusal's repeats within its minute.

    `object` is an id or a path without its query; no personal data of a learner is in any column.
    """

    n: int
    merge: str
    at: str
    person: str
    roles: str
    member: str
    act: str
    object: str
    outcome: str
    reason: str
    times: int


class SignInFailureRow(NamedTuple):
    """Failed sign-ins of one source since `first_at`."""

    who: str
    failures: int
    first_at: str
    last_at: str
