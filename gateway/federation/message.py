"""The plain values around an envelope: contents on their way in and out, a request's target, a member's key.

Nothing here is verified by being of its type; only `envelope.VerifiedMessage` says that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gateway.crypto.keys import VerifyKey


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes we or a verified sender vouch for.  `secret`: 32 bytes, travels beside, erased with the content."""

    name: str
    data: bytes
    media_type: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class RawContent:
    """As read from a transport, not yet believed.  `media_type` is None where the transport carries none (files)."""

    name: str
    data: bytes
    media_type: str | None
    secret: bytes


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """The request a message is bound to: upper-case method and the whole public URL, compared as text."""

    method: str
    url: str


@dataclass(frozen=True, slots=True)
class MemberKey:
    """What the registry knows of a key that is valid now.  `suspended` is told only after the signature held."""

    member: str
    key: VerifyKey
    suspended: bool = False


KeyFinder: TypeAlias = Callable[[str, str], MemberKey | None]
"""`(iss, kid)` → the key, None for unknown; may raise TrustError `trust.unknown_member`, `.unknown_key`, `.key_not_valid`."""
