"""People who sign in: sessions, what they did and were refused, and the lock after failed sign-ins.

A session is a row found by the digest of an opaque random value that only the browser holds.  It ends by the absolute time,
by idleness, or by signing out, whichever comes first.  Every act and every refusal is a row before it is answered; a refusal
that repeats within its minute counts up one row, so that whoever knocks a million times does not fill the disk.
Rows are written by the database's own `group`: they carry no leaf and nothing of a case hangs on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, TypeAlias

from gateway.model.canonical import b64url
from gateway.model.people import ALONE, Denial, Person, Role
from gateway.model.ports import Clock, IdSource
from gateway.storage.database import Database, Write
from gateway.storage.people_rows import PersonActRow, SessionRow, SignInFailureRow
from gateway.transfers.case import utc_text

SEEN_EVERY: Final = timedelta(minutes=1)
"""A session's last use is written at most this often: a page of ten requests is one write."""
REFUSED: Final = "refused"
DONE: Final = "done"
OBJECT_CHARS_MAX: Final = 200
ACTS_MAX: Final = 500
ActLine: TypeAlias = PersonActRow
"""What somebody did or was refused, as pages read it."""
LATE: Final = "~"
"""A text after every moment."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sessions end after `idle` without use and `absolute` in any case; `failures` failed sign-ins within `lock` lock for `lock`."""

    idle: timedelta
    absolute: timedelta
    failures: int
    lock: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in, until when."""

    id: str
    person: Person
    created_at: str
    expires_at: str


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done or asked for: an act's name and what it was about (an id or a path, never a query)."""

    act: str
    object: str


class People:
    """The use cases behind sign-in, every guarded page and the audit of people."""

    def __init__(self, database: Database, clock: Clock, ids: IdSource, limits: Limits) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._limits = limits

    async def sign_in(self, person: Person) -> str:
        """Begin a session; returns the value for the cookie, which is kept nowhere."""
        value, now = b64url(self._ids.secret()), self._clock.now()
        row = SessionRow(
            session_id(value), person.learner or person.subject, person.name, _words(person.roles), person.member,
            utc_text(now), utc_text(now), utc_text(now + self._limits.absolute),
        )  # fmt: skip
        await self._write(
            Write("person_sessions_sweep", [(utc_text(now), utc_text(now - self._limits.idle))]),
            Write("person_session_put", [row]),
            Write("sign_in_failures_forget", [(_source(f"person:{person.subject}"), utc_text(now - self._limits.lock))]),
            self._act(person, Deed("sign_in", ""), DONE, "", once=True),
        )
        return value

    async def session(self, value: str, *, used: bool = True) -> Session | None:
        """Who holds this cookie now; None where there is no such session or its time is over.  `used` keeps it from idling out."""
        rows = await self._database.fetch("person_session", id=session_id(value))
        if not rows:
            return None
        row, now = SessionRow(*rows[0]), self._clock.now()
        if row.expires_at <= utc_text(now) or row.seen_at <= utc_text(now - self._limits.idle):
            return None
        if used and row.seen_at <= utc_text(now - SEEN_EVERY):
            await self._write(Write("person_session_seen", [(utc_text(now), row.id)]))
        return Session(row.id, _person_of(row), row.created_at, row.expires_at)

    async def sign_out(self, session: Session) -> None:
        """End it now, for every browser window that shares it."""
        await self._write(
            Write("person_session_end", [(session.id,)]),
            self._act(session.person, Deed("sign_out", ""), DONE, "", once=True),
        )

    async def did(self, person: Person, deed: Deed, reason: str = "") -> None:
        """Write down an act that was done; `reason` is the person's own, where the act wants one."""
        await self._write(self._act(person, deed, DONE, reason, once=True))

    async def refused(self, person: Person | None, deed: Deed, denial: Denial) -> None:
        """Write down that somebody was turned away, known or not."""
        await self._write(self._act(person, deed, REFUSED, denial.value, once=False))

    async def acts(
        self, *, person: str = "", act: str = "", outcome: str = "", since: str = "", until: str = LATE, before: int = 2**62, most: int = 50
    ) -> list[PersonActRow]:
        """What was done and refused, newest first, before row `before`; `since`, `until`: RFC 3339 UTC texts, or beginnings of such."""
        asked: dict[str, str | int] = {"person": person, "act": act, "outcome": outcome, "since": since, "until": until, "before": before}
        return [PersonActRow(*row) for row in await self._database.fetch("person_acts", most=max(1, min(most, ACTS_MAX)), **asked)]

    async def locked(self, *who: str) -> bool:
        """Whether one of these sources (an address, a person's subject) has failed too often of late."""
        now = self._clock.now()
        return any([self._is_locked(await self._failures(each), now) for each in who])

    async def failed(self, *who: str) -> None:
        """Count a failed sign-in against each of these sources."""
        now = self._clock.now()
        old = utc_text(now - self._limits.lock)
        await self._write(
            Write("sign_in_failures_forget", [("", old)]),
            Write("sign_in_failure_put", [(_source(each), utc_text(now), utc_text(now), old, old) for each in who]),
        )

    def _is_locked(self, row: SignInFailureRow | None, now: datetime) -> bool:
        return row is not None and row.failures >= self._limits.failures and row.last_at > utc_text(now - self._limits.lock)

    async def _failures(self, who: str) -> SignInFailureRow | None:
        rows = await self._database.fetch("sign_in_failures", who=_source(who))
        return SignInFailureRow(*rows[0]) if rows else None

    def _act(self, person: Person | None, deed: Deed, outcome: str, reason: str, *, once: bool) -> Write:
        at = utc_text(self._clock.now())
        subject, roles, member = (person.subject, _words(person.roles), person.member) if person else ("", "", "")
        what = (subject, roles, member, deed.act, deed.object[:OBJECT_CHARS_MAX], outcome, reason[:OBJECT_CHARS_MAX])
        merge = self._ids.jti() if once else sha256("\x1f".join((at[:16], *what)).encode()).hexdigest()
        return Write("person_act_put", [(merge, at, *what)])

    async def _write(self, *writes: Write) -> None:
        def decide(_rows: Sequence[object]) -> Sequence[Write]:
            return writes

        await self._database.group((), decide)


def session_id(value: str) -> str:
    """Under which a cookie's value is kept."""
    return sha256(value.encode("utf-8", "replace")).hexdigest()


def _person_of(row: SessionRow) -> Person:
    roles = frozenset(map(Role, row.roles.split()))
    return Person.of_learner(row.person) if roles == ALONE else Person(row.person, row.name, roles, row.member)


def _words(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))


def _source(who: str) -> str:
    """A source of sign-ins as it is kept: an address says nothing to whoever reads the table."""
    return sha256(b"sign-in\0" + who.encode("utf-8", "replace")).hexdigest()
