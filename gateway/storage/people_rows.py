"""The rows of the tables about people who sign in, one named tuple each, in column order.  Times as in `rows`."""

from typing import NamedTuple


class SessionRow(NamedTuple):
    """Somebody signed in.  `id` is the SHA-256 of the cookie's value; `roles` are words with spaces between.

    Of a learner `person` is the pseudonym, and `name` is "": nothing else that says who he is comes here.
    """

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


class ActLeafRow(NamedTuple):
    """The leaf of an audit row (by its `merge`), and the secret that opens the leaf's commitment.  It goes with the row."""

    merge: str
    idx: int
    secret: bytes


class SavedViewRow(NamedTuple):
    """A view of the list of cases that somebody saved; `query` is the filter as its URL has it."""

    person: str
    name: str
    query: str
    at: str


class SignInFailureRow(NamedTuple):
    """Failed sign-ins of one source since `first_at`."""

    who: str
    failures: int
    first_at: str
    last_at: str
