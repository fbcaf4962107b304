"""The one door: every refusal of `unseal`, and what a sender may and may not seal.

Numbers EN-… are the sentences of docs/protocol-envelope.md.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.crypto.keys import SigningKey
from gateway.errors import TrustError
from gateway.federation import protocol
from gateway.federation.envelope import (
    VerifiedMessage,
    open_envelope,
    unseal,
)
from gateway.federation.message import MemberKey
from gateway.model.canonical import b64url
from tests.support.envelopes import (
    JIANGSU,
    JTI,
    LATER,
    NOW,
    OTHER_JTI,
    REQUEST,
    SHANGHAI,
    claims,
    find,
    forge,
    header,
    opened,
    raw,
    refused,
    sealed,
    unpadded,
)

# ---------------------------------------------------------------- what goes through


@pytest.mark.parametrize("iss", ["CN-31", "CN-32"])
def test_unseal_when_message_is_whole_then_gives_what_was_signed(iss: str) -> None:
    message = opened(sealed(iss, scp="ab" * 32, ver=3, irt=OTHER_JTI))
    assert (message.iss, message.aud, message.act, message.jti) == (iss, "CN-YRD", "request", JTI)
    assert (message.scp, message.ver, message.irt) == ("ab" * 32, 3, OTHER_JTI)
    assert (message.iat, message.exp) == (NOW, LATER)
    assert message.claims["same_person"] == "ab" * 32
    assert dict(message.contents) == {each.name: each for each in REQUEST}
    assert message.sd("part") == message.claims["con"][3]["sd"]
    assert message.sd("regional") is None


def test_unseal_when_file_carries_no_media_type_then_takes_the_signed_one() -> None:
    message = unseal(sealed(http=None), raw(REQUEST, typed=False), keys=find, audience="CN-YRD", http=None)
    assert message.contents["part"].media_type == "application/json"


def test_unseal_when_alg_is_called_ed25519_then_accepts_and_we_emit_eddsa() -> None:  # EN-15
    token = forge(header() | {"alg": "Ed25519"}, claims())
    assert opened(token).content_digest == opened(sealed()).content_digest
    assert json.loads(unpadded(sealed().split(".")[0])) == {"alg": "EdDSA", "kid": SHANGHAI.kid, "typ": "ceg-envelope+jws"}


def test_seal_when_contents_are_none_then_the_act_may_have_none() -> None:
    message = opened(sealed(contents=(), act="noted", irt=OTHER_JTI), contents=())
    assert message.contents == {}


def test_open_envelope_when_contents_are_gone_then_still_verifies() -> None:
    envelope = open_envelope(sealed(), keys=find)
    assert envelope.content_digest == opened(sealed()).content_digest
    assert not isinstance(envelope, VerifiedMessage)


# ---------------------------------------------------------------- header and key


@pytest.mark.parametrize(
    "change",
    [
        {"jwk": SHANGHAI.verify_key.jwk},
        {"jku": "https://evil.example/keys"},
        {"x5c": ["AAAA"]},
        {"x5u": "https://evil.example"},
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": True},
        {"cty": "json"},
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "CEG-ENVELOPE+JWS"},
        {"alg": None},
        {"alg": 7},
        {"kid": 7},
        {"kid": "../keys"},
        {"kid": SHANGHAI.kid + "="},
    ],
)
def test_unseal_when_header_is_not_exactly_alg_kid_typ_then_refuses(change: dict[str, Any]) -> None:  # EN-12
    refused("trust.bad_envelope", forge(header() | change, claims()))


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_unseal_when_header_lacks_a_name_then_refuses(name: str) -> None:  # EN-12
    head = header()
    del head[name]
    refused("trust.bad_envelope", forge(head, claims()))


@pytest.mark.parametrize("alg", ["none", "None", "", "HS256", "ES256", "ES384", "RS256", "eddsa", "Ed448", "EDDSA"])
def test_unseal_when_alg_is_not_the_keys_own_then_refuses(alg: str) -> None:  # EN-14
    refused("trust.bad_signature", forge(header() | {"alg": alg}, claims()))


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519", "none", "HS256"])
def test_unseal_when_an_es256_key_is_said_to_be_another_then_refuses(alg: str) -> None:  # EN-14
    refused("trust.bad_signature", forge(header(JIANGSU) | {"alg": alg}, claims() | {"iss": "CN-32"}, JIANGSU))


def test_unseal_when_public_key_was_used_as_hmac_secret_then_refuses() -> None:  # EN-14
    import hashlib
    import hmac

    head, body = b64url(json.dumps(header() | {"alg": "HS256"}).encode()), b64url(json.dumps(claims()).encode())
    mac = hmac.digest(SHANGHAI.public_raw, f"{head}.{body}".encode(), hashlib.sha256)
    refused("trust.bad_signature", f"{head}.{body}.{b64url(mac + mac)}")


def test_unseal_when_signature_is_empty_then_refuses() -> None:
    refused("trust.bad_signature", sealed().rsplit(".", 1)[0] + ".")


def test_unseal_when_key_belongs_to_another_member_then_refuses() -> None:  # EN-21
    refused("trust.unknown_key", forge(header(JIANGSU), claims(), JIANGSU))
    refused("trust.unknown_key", forge(header(), claims() | {"iss": "CN-33"}))


def test_unseal_when_signed_by_another_under_this_kid_then_refuses() -> None:
    stranger = SigningKey.from_seed(b"\x66" * 32)
    refused("trust.bad_signature", forge(header(), claims(), stranger))


def test_unseal_when_the_finder_answers_for_somebody_else_then_refuses() -> None:
    for answer in (MemberKey("CN-32", SHANGHAI.verify_key), MemberKey("CN-31", JIANGSU.verify_key)):
        refused("trust.unknown_key", sealed(), keys=lambda iss, kid, answer=answer: answer)


def test_unseal_when_member_is_suspended_then_tells_only_the_member_itself() -> None:  # EN-22
    def suspended(iss: str, kid: str) -> MemberKey:
        return MemberKey(iss, SHANGHAI.verify_key, suspended=True)

    refused("trust.suspended", sealed(), keys=suspended)
    refused("trust.bad_signature", forge(header(), claims(), SigningKey.from_seed(b"\x66" * 32)), keys=suspended)


# ---------------------------------------------------------------- form of the token


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: "..",
        lambda token: ".".join(token.split(".")[:2]),
        lambda token: token + ".",
        lambda token: token + ".AAAA",
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token.replace(".", "=.", 1),
        lambda token: token.replace(".", "..", 1),
        lambda token: token.replace(".", ".=", 1),
        lambda token: token[:-1],
        lambda token: token.replace(".", "．"),
        lambda token: token.split(".")[0] + "." + "A" * protocol.ENVELOPE_BYTES_MAX + "." + token.split(".")[2],
        lambda token: "A" * 600 + "." + token.split(".", 1)[1],
    ],
)
def test_unseal_when_token_is_not_three_canonical_segments_then_refuses(change: Callable[[str], str]) -> None:  # EN-11
    with pytest.raises(TrustError) as caught:
        opened(change(sealed()))
    assert caught.value.code in {"trust.bad_envelope", "trust.bad_signature"}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_unseal_when_trailing_bits_of_a_segment_are_set_then_refuses(place: int) -> None:  # EN-11
    """`QQ` and `QR` decode to the same byte: only one of them is the canonical text."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    body: dict[str, Any] = claims()
    while len(json.dumps(body)) % 3 == 0:
        body["reason"] = "r" + body.get("reason", "")
    head = json.dumps(header()).encode()
    head += b" " * (1 if len(head) % 3 == 0 else 0)
    token = forge(head, body)
    opened(token)
    segments = token.split(".")
    last = segments[place][-1]
    segments[place] = segments[place][:-1] + alphabet[alphabet.index(last) + 1]
    refused("trust.bad_envelope", ".".join(segments))


def test_unseal_when_token_is_over_its_bound_then_refuses_though_it_is_well_signed() -> None:  # EN-10
    body = json.dumps(claims()).encode()
    opened(forge(header(), body + b" " * 8_000))
    token = forge(header(), body + b" " * 11_500)
    assert protocol.ENVELOPE_BYTES_MAX < len(token) < 4 / 3 * protocol.ENVELOPE_BYTES_MAX
    refused("trust.bad_envelope", token)


def test_unseal_when_header_or_payload_repeats_a_name_then_refuses() -> None:  # EN-13
    body = json.dumps(claims()).encode()
    twice = b'{"iss": "CN-32", ' + body[1:]
    error = refused("trust.bad_envelope", forge(header(), twice))
    assert error.problems[0].code == "format.duplicate_key"
    head = json.dumps(header()).encode()
    refused("trust.bad_envelope", forge(b'{"alg": "none", ' + head[1:], claims()))
    refused("trust.bad_envelope", forge(header(), body.replace(b'"name": "part"', b'"name": "x", "name": "part"')))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"{",
        b"{}",
        b'{"iss": 7}',
        b'{"iss": "CN-31", "iat": NaN}',
        b'{"iss": "CN-31", "iat": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        '{"iss": "CN-31"}'.encode("utf-16"),
        b'{"iss": "CN-31", "scp": "\\ud800"}',
        b"[" * 12_000,
        b'{"con":' * 1_500,
    ],
)
def test_unseal_when_payload_is_not_one_strict_object_then_refuses(payload: bytes) -> None:  # EN-13
    refused("trust.bad_envelope", forge(header(), payload))


# ---------------------------------------------------------------- claims


@pytest.mark.parametrize("name", protocol.CLAIMS_REQUIRED)
def test_unseal_when_a_required_claim_is_missing_then_refuses(name: str) -> None:  # EN-23
    body = claims()
    del body[name]
    refused("trust.bad_envelope", forge(header(), body))
