"""People who sign in: roles, what each role may do, whose cases a person sees, and why somebody is turned away.

One table says what a role may do; pages ask for a right, never for a role.  The three administrators' duties
are separate roles, so that nobody who runs the system also decides who may enter it or reads what was done in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, Self


class Role(StrEnum):
    """What a person is to the region.  The identity provider's words are mapped to these in the settings."""

    BANK_OPERATOR = "bank_operator"
    CENTRE_OPERATOR = "centre_operator"
    PRESIDING = "presiding"
    VIEWER = "viewer"
    AUDITOR = "auditor"
    ADMIN_SYSTEM = "admin_system"
    ADMIN_SECURITY = "admin_security"
    ADMIN_AUDIT = "admin_audit"
    LEARNER = "learner"
    """Somebody whose home bank's identity provider has verified who he is; nothing beside it."""


class Right(StrEnum):
    """What a page or an act asks for."""

    OVERVIEW = "overview"
    """Counts and the head of the transfer log."""
    CASES = "cases"
    """Cases, case by case: of the own member, or of the region."""
    DECIDE = "decide"
    """What a bank's operator does with the own bank's cases."""
    OPERATE = "operate"
    """What the centre does: retry, hold, discard, canaries, alerts."""
    PRESIDE = "preside"
    """What only the presiding unit does: rulings, handover."""
    REPORTS = "reports"
    RULES = "rules"
    AUDIT = "audit"
    """Who did what, and who was turned away."""
    SYSTEM = "system"
    SECURITY = "security"
    """Who is signed in; ending their sessions."""
    SANDBOX = "sandbox"
    """Faults of the simulated banks; a node in service has nothing that asks for it."""
    MINE = "mine"
    """What there is of oneself, as a learner: no other right goes with it, and nobody else has it."""


_REGION: Final = frozenset({Right.OVERVIEW, Right.CASES, Right.REPORTS, Right.RULES})
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.BANK_OPERATOR: _REGION | {Right.DECIDE},
    Role.CENTRE_OPERATOR: _REGION | {Right.OPERATE, Right.SANDBOX},
    Role.PRESIDING: _REGION | {Right.OPERATE, Right.PRESIDE},
    Role.VIEWER: _REGION,
    Role.AUDITOR: _REGION | {Right.AUDIT},
    Role.ADMIN_SYSTEM: frozenset({Right.OVERVIEW, Right.SYSTEM, Right.SANDBOX}),
    Role.ADMIN_SECURITY: frozenset({Right.OVERVIEW, Right.SECURITY}),
    Role.ADMIN_AUDIT: frozenset({Right.OVERVIEW, Right.AUDIT}),
    Role.LEARNER: frozenset({Right.MINE}),
}
OF_A_MEMBER: Final = frozenset({Role.BANK_OPERATOR, Role.PRESIDING})
"""Roles that say nothing without the member for which they are held."""
OWN_MEMBER_ONLY: Final = frozenset({Role.BANK_OPERATOR})
EVERYBODY: Final = ""
NOBODY: Final = "-"
"""Whose cases a learner sees by being of a member: nobody's."""
ALONE: Final = frozenset({Role.LEARNER})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the identity provider vouches for.  `subject` is its own stable name for them; `member` is "" at the centre.

    Of a learner only the pseudonym is known (`learner`): no name, and a `subject` that says nothing; see `of_learner`.
    """

    subject: str
    name: str
    roles: frozenset[Role]
    member: str = ""
    learner: str = ""

    @classmethod
    def of_learner(cls, pseudonym: str) -> Self:
        """`subject` is what the audit of people calls him: always the same, and not what his cases are found by."""
        return cls(learner_subject(pseudonym), "", ALONE, learner=pseudonym)

    def __post_init__(self) -> None:
        assert self.roles, "a person without a role is nobody here"
        assert self.member or not self.roles & OF_A_MEMBER, "this role is held for a member"
        assert bool(self.learner) == (Role.LEARNER in self.roles), "a learner is one by the pseudonym, and by that alone"
        assert not self.learner or self.roles == ALONE, "nobody is staff and learner in one session"

    @property
    def rights(self) -> frozenset[Right]:
        return frozenset().union(*(RIGHTS[role] for role in self.roles))

    @property
    def sees(self) -> str:
        """The one member whose cases this person sees, or "" for the whole region."""
        if self.learner:
            return NOBODY
        return self.member if self.roles <= OWN_MEMBER_ONLY else EVERYBODY


def learner_subject(pseudonym: str) -> str:
    """What a learner is called where sign-ins are counted and acts written down."""
    return "learner:" + sha256(b"ceg-learner-subject\0" + pseudonym.encode("ascii")).hexdigest()[:16]


class Denial(StrEnum):
    """Why somebody was turned away.  Each is an audit row and a page that says what to do."""

    NO_RIGHT = "no_right"
    NOT_FOUND = "not_found"
    """There is no such thing, or it is not this person's to see: nothing tells the two apart."""
    STALE = "stale"
    """What was acted upon has changed since it was shown."""
    SECOND_PERSON = "second_person"
    """A second person has to approve it first, and is not this one."""
    SESSION_OVER = "session_over"
    FORGED = "forged"
    """The request did not come from one of our own pages."""
    NOT_KNOWN = "not_known"
    """Signed in at the identity provider, but with no role here."""
    LOCKED = "locked"
    SIGN_IN_FAILED = "sign_in_failed"
    BAD_REQUEST = "bad_request"
    UNAVAILABLE = "unavailable"
    """Ours or the identity provider's fault: try again later."""
