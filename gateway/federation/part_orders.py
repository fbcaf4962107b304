"""Content `order` of `erase`, `legal-hold` and `legal-release`: what is to become of a part that is kept, and why.

JCS JSON of `{"v": 1, "part": id, "reason": code, "until": day or null}`.  Reasons are a closed list and there is no free text,
so nothing personal can come into the log by it.  Sentences: docs/protocol.md, PR-340 to PR-349.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, Self

from gateway.errors import FormatError
from gateway.federation.claims import is_digest
from gateway.federation.protocol import VERSION
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import jcs

SCOPE: Final = "part:"
"""The scope of what is ordered about a part is `part:` and the part's id."""
EVENT: Final = "erased"
ERASE_REASONS: Final = ("learner_request", "consent_withdrawn", "retention_ended", "unlawful", "supervisor_order", "opened_in_error")
HOLD_REASONS: Final = ("court_order", "supervisor_order", "investigation", "audit")
REASONS: Final = frozenset({*ERASE_REASONS, *HOLD_REASONS})
LIMITS: Final = JsonLimits(bytes_max=1024, depth_max=2, nodes_max=8, number_chars_max=4)


def part_scope(part: str) -> str:
    return SCOPE + part


def is_part_scope(scope: str | None) -> bool:
    """Whether a message is about the keeping of a part."""
    return scope is not None and scope.startswith(SCOPE)


def is_part_id(text: str) -> bool:
    """Ids of transfers and enquiries are digests in hexadecimal."""
    return len(text) == 64 and is_digest(text)


@dataclass(frozen=True, slots=True)
class PartOrder:
    """`until` is the day a hold ends by itself, "" where somebody has to release it."""

    part: str
    reason: str
    until: str = ""

    def write(self) -> bytes:
        return jcs({"v": VERSION, "part": self.part, "reason": self.reason, "until": self.until or None})

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Raises FormatError(`format.part_order`) for anything else."""
        found = read_json(raw, LIMITS)
        if not isinstance(found, dict) or found.keys() != {"v", "part", "reason", "until"} or found["v"] != VERSION:
            raise _wrong()
        order = cls(str(found["part"]), str(found["reason"]), str(found["until"] or ""))
        if not order.sound():
            raise _wrong()
        return order

    def sound(self) -> bool:
        """Whether everything in it is one of the values it may be."""
        return is_part_id(self.part) and self.reason in REASONS and _is_day(self.until)


def _is_day(text: str) -> bool:
    try:
        return not text or date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _wrong() -> FormatError:
    return FormatError("format.part_order", "对分件的命令不合格式", "an order about a part does not have its form")
