"""Log scopes that are not transfers: a consent, an enquiry, an agreement, a flag, a rule version, a handover.  Both ends compute their ids.

Like a transfer's, an id is SHA-256 (hex) of the JCS bytes of a list whose first word says what it is of, so that no two scopes of
different kinds, banks or messages can be one.  Sources of the rules: docs/protocol.md, sections 12 and 13.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from gateway.model.canonical import jcs


class ConsentState(StrEnum):
    """Where a consent stands."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    ERASED = "erased"


class AgreementState(StrEnum):
    """Where an agreement stands.  Suspension is beside it: each party's counts on its own."""

    PROPOSED = "proposed"
    SIGNED = "signed"
    ENDED = "ended"


class EnquiryState(StrEnum):
    """Where a question stands."""

    ASKED = "asked"
    LISTED = "listed"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


ASKED_EVENT = "enquiry"
ENDED_EVENTS: Mapping[EnquiryState, str] = {
    EnquiryState.LISTED: "listed",
    EnquiryState.DECLINED: "enquiry_declined",
    EnquiryState.EXPIRED: "enquiry_expired",
    EnquiryState.WITHDRAWN: "enquiry_withdrawn",
}
ENQUIRY_EVENTS = frozenset({ASKED_EVENT, *ENDED_EVENTS.values()})
"""What a message about an enquiry tells of: such a message has an enquiry's id where others have a transfer's."""


def consent_scope(controller: str, consent_id: str) -> str:
    """Of `["ceg-consent", controller, id]`: two banks may give their consents the same id."""
    return sha256(jcs(["ceg-consent", controller, consent_id])).hexdigest()


def ruling_part(iss: str, jti: str) -> str:
    """Of `["ceg-ruling", iss, jti]`: the part that a ruling on an outcome is kept as, for it is about several learners' cases."""
    return sha256(jcs(["ceg-ruling", iss, jti])).hexdigest()


def enquiry_id(iss: str, jti: str) -> str:
    """Of `["ceg-enquiry", iss, jti]` of the message that asks."""
    return sha256(jcs(["ceg-enquiry", iss, jti])).hexdigest()


RULE_EXPIRED: Final = "rule_expired"
NEWS_EVENTS: Final = frozenset(
    {
        "rule_published", "rule_withdrawn", RULE_EXPIRED,
        "agreement_signed", "agreement_suspended", "agreement_resumed", "agreement_ended",
    }
)  # fmt: skip
"""What members are told of rules and agreements: such a message has the scope of a rule version or of an agreement."""
AGREEMENT: Final = "agreement:"


def agreement_scope(source: str, accepting: str, id: str) -> str:
    """`agreement:` and the digest of `["ceg-agreement", source, accepting, id]`: no bank can take another pair's id."""
    return AGREEMENT + sha256(jcs(["ceg-agreement", source, accepting, id])).hexdigest()


def is_agreement_scope(scope: str | None) -> bool:
    """Whether a scope is an agreement's."""
    return scope is not None and scope.startswith(AGREEMENT)


INTEGRITY: Final = "integrity:"


def integrity_scope(iss: str, jti: str, place: int = 0) -> str:
    """`integrity:` and the digest of `["ceg-integrity", iss, jti, place]`: of the act that sets the flag, and which of its flags it is.

    Nothing of the outcome is in it: whoever reads the log cannot try which outcome a flag is about.
    """
    return INTEGRITY + sha256(jcs(["ceg-integrity", iss, jti, place])).hexdigest()


def is_integrity_scope(scope: str | None) -> bool:
    """Whether a scope is a flag's."""
    return scope is not None and scope.startswith(INTEGRITY)


RULE: Final = "rule:"


def rule_scope(accepting: str, id: str, version: str) -> str:
    """`rule:` and the digest of `["ceg-rule", accepting, id, version]`: two banks may give their rule sets the same id."""
    return RULE + sha256(jcs(["ceg-rule", accepting, id, version])).hexdigest()


def is_rule_scope(scope: str | None) -> bool:
    """Whether a scope is that of a rule set's version."""
    return scope is not None and scope.startswith(RULE)


PRESIDING: Final = "presiding:"


class HandoverState(StrEnum):
    """Where the handover between two units stands.  No state of it moves a power: those follow the rota's dates."""

    HANDED_OVER = "handed_over"
    ACCEPTED = "accepted"


def handover_scope(outgoing: str, ended: datetime, incoming: str, begun: datetime) -> str:
    """`presiding:` and the digest of `["ceg-presiding", outgoing, ended, incoming, begun]`; moments are UTC to the microsecond.

    `ended` is when the outgoing unit's turn ends, `begun` when the incoming one's begins: a rota that is changed has other handovers.
    """
    moments = [f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" for at in (ended, begun)]
    return PRESIDING + sha256(jcs(["ceg-presiding", outgoing, moments[0], incoming, moments[1]])).hexdigest()


def is_handover_scope(scope: str | None) -> bool:
    """Whether a scope is that of a handover between presiding units."""
    return scope is not None and scope.startswith(PRESIDING)
