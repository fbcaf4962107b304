"""People who sign in: roles, what each role may do, whose cases a person sees, and why somebody is turned away.

One table says what a role may do; pages ask for a right, never for a role.  The three administrators' duties
are separate roles, so that nobody who runs the system also decides who may enter it or reads what was done in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


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


_REGION: Final = frozenset({Right.OVERVIEW, Right.CASES, Right.REPORTS, Right.RULES})
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.BANK_OPERATOR: _REGION | {Right.DECIDE},
    Role.CENTRE_OPERATOR: _REGION | {Right.OPERATE},
    Role.PRESIDING: _REGION | {Right.OPERATE, Right.PRESIDE},
    Role.VIEWER: _REGION,
    Role.AUDITOR: _REGION | {Right.AUDIT},
    Role.ADMIN_SYSTEM: frozenset({Right.OVERVIEW, Right.SYSTEM}),
    Role.ADMIN_SECURITY: frozenset({Right.OVERVIEW, Right.SECURITY}),
    Role.ADMIN_AUDIT: frozenset({Right.OVERVIEW, Right.AUDIT}),
}
OF_A_MEMBER: Final = frozenset({Role.BANK_OPERATOR, Role.PRESIDING})
"""Roles that say nothing without the member for which they are held."""
OWN_MEMBER_ONLY: Final = frozenset({Role.BANK_OPERATOR})
EVERYBODY: Final = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody the identity provider vouches for.  `subject` is its own stable name for them; `member` is "" at the centre."""

    subject: str
    name: str
    roles: frozenset[Role]
    member: str = ""

    def __post_init__(self) -> None:
        assert self.roles, "a person without a role is nobody here"
        assert self.member or not self.roles & OF_A_MEMBER, "this role is held for a member"

    @property
    def rights(self) -> frozenset[Right]:
        return frozenset().union(*(RIGHTS[role] for role in self.roles))

    @property
    def sees(self) -> str:
        """The one member whose cases this person sees, or "" for the whole region."""
        return self.member if self.roles <= OWN_MEMBER_ONLY else EVERYBODY


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
