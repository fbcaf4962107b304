"""Keys, contents and envelopes for tests: all from fixed seeds, nobody real in them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.crypto.keys import SigningKey
from gateway.errors import TrustError
from gateway.federation.envelope import _ALGORITHM, VerifiedMessage, seal, unseal
from gateway.federation.message import Content, HttpTarget, MemberKey, RawContent
from gateway.model.canonical import b64url

NOW = datetime(2026, 11, 2, 8, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
JTI = "AAECAwQFBgcICQoLDA0ODw"
OTHER_JTI = "EBESExQVFhcYGRobHB0eHw"
TARGET = HttpTarget("POST", "https://gateway.example/v1/messages")
SHANGHAI = SigningKey.from_seed(b"\x31" * 32)
JIANGSU = SigningKey.from_seed(b"\x32" * 32, "ES256")
KEYS = {("CN-31", SHANGHAI.kid): MemberKey("CN-31", SHANGHAI.verify_key), ("CN-32", JIANGSU.kid): MemberKey("CN-32", JIANGSU.verify_key)}
SIGNERS = {"CN-31": SHANGHAI, "CN-32": JIANGSU}


def find(iss: str, kid: str) -> MemberKey | None:
    return KEYS.get((iss, kid))


def content(name: str, data: bytes = b"", media_type: str = "application/xml") -> Content:
    data = data or b"<" + name.encode() + b"/>"
    return Content(name, data, media_type, name.encode().ljust(32, b"\x5a")[:32])


REQUEST = (content("request"), content("identity"), content("consent"), content("part", b'{"n": 1}', "application/json"))


def raw(contents: tuple[Content, ...], *, typed: bool = True) -> dict[str, RawContent]:
    return {each.name: RawContent(each.name, each.data, each.media_type if typed else None, each.secret) for each in contents}


def sealed(iss: str = "CN-31", contents: tuple[Content, ...] = REQUEST, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "key": SIGNERS[iss], "iss": iss, "aud": "CN-YRD", "jti": JTI, "iat": NOW, "exp": LATER,
        "act": "request", "contents": contents, "http": TARGET, "same_person": "ab" * 32,
    }  # fmt: skip
    return seal(**(arguments | changes))


def opened(token: str, contents: tuple[Content, ...] = REQUEST, **changes: Any) -> VerifiedMessage:
    arguments: dict[str, Any] = {"keys": find, "audience": "CN-YRD", "http": TARGET}
    return unseal(token, raw(contents), **(arguments | changes))


def header(key: SigningKey = SHANGHAI) -> dict[str, Any]:
    return {"alg": key.alg, "kid": key.kid, "typ": "ceg-envelope+jws"}


def claims(token: str | None = None) -> dict[str, Any]:
    payload = (token or sealed()).split(".")[1]
    return json.loads(unpadded(payload))


def unpadded(text: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def forge(head: dict[str, Any] | bytes, body: dict[str, Any] | bytes, key: SigningKey = SHANGHAI, alg: str | None = None) -> str:
    """A token with a true signature over whatever header and payload: what a member with a careless library sends."""
    parts = [b64url(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (head, body)]
    signed = ".".join(parts)
    return f"{signed}.{b64url(_ALGORITHM[alg or key.alg].sign(signed.encode(), key.handle))}"


def refused(code: str, token: str, **changes: Any) -> TrustError:
    with pytest.raises(TrustError) as caught:
        opened(token, **changes)
    assert caught.value.code == code
    return caught.value
