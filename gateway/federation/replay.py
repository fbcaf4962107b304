"""Has this message been here before?  A pure rule over `(iss, jti)`; the caller keeps the records.

Asked after the signature and before freshness, so that a sender who lost our answer gets it again
even when the envelope has run out in the meantime.  Sentences: docs/protocol-envelope.md, EN-40 to EN-44.
"""

from dataclasses import dataclass
from typing import TypeAlias

from gateway.errors import TrustError
from gateway.federation.envelope import VerifiedEnvelope


@dataclass(frozen=True, slots=True)
class Seen:
    """What was kept of the first message of one `(iss, jti)`.  `answer`: the stored bytes of our answer."""

    iss: str
    jti: str
    content_digest: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Fresh:
    """Not seen before: go on with freshness, role, contents."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The same message again: send the stored answer, marked with `Credit-Repeated`."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another message under a used `jti`.  Both digests are told; neither says anything about contents."""

    stored: str
    given: str

    def error(self) -> TrustError:
        """The refusal as an error, for callers that answer with errors."""
        return TrustError(
            "trust.replay_conflict",
            f"消息编号已用于另一内容(已存 {self.stored},本次 {self.given})",
            f"the message id was used for another message (stored {self.stored}, given {self.given})",
            stored=self.stored,
            given=self.given,
        )


Verdict: TypeAlias = Fresh | Repeat | Conflict


def judge(stored: Seen | None, message: VerifiedEnvelope) -> Verdict:
    """`stored` is the record of exactly this message's `(iss, jti)`, or None."""
    if stored is None:
        return Fresh()
    assert (stored.iss, stored.jti) == (message.iss, message.jti), "the record of another message"
    if stored.content_digest == message.content_digest:
        return Repeat(stored.answer)
    return Conflict(stored.content_digest, message.content_digest)
