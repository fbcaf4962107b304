"""Claims, target, contents, time: each wrong one has its refusal, and `seal` signs nothing that `unseal` would refuse."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.crypto.keys import SigningKey
from gateway.errors import TrustError
from gateway.federation import protocol
from gateway.federation.envelope import (
    VerifiedEnvelope,
    VerifiedMessage,
    open_envelope,
    reseal,
    sign_detached,
    unseal,
    verify_detached,
)
from gateway.federation.message import HttpTarget, RawContent
from gateway.model.canonical import b64url
from tests.support.envelopes import (
    JIANGSU,
    JTI,
    LATER,
    NOW,
    OTHER_JTI,
    REQUEST,
    SHANGHAI,
    TARGET,
    claims,
    content,
    find,
    forge,
    header,
    opened,
    raw,
    refused,
    sealed,
    unpadded,
)

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SECOND = timedelta(seconds=1)


WRONG: list[tuple[str, Any]] = [
    ("v", 2), ("v", True), ("v", "1"), ("v", 1.0),
    ("aud", ["CN-YRD"]), ("aud", ""), ("aud", "CN YRD"),
    ("jti", ""), ("jti", "short"), ("jti", JTI + "A"), ("jti", JTI[:-1] + "x"), ("jti", 7),
    ("iat", "1793606400"), ("iat", 1793606400.5), ("iat", True), ("iat", -1), ("iat", None), ("iat", 2**53),
    ("exp", "x"), ("exp", 253402300800), ("exp", int(NOW.timestamp()) - 1), ("exp", [1]),
    ("act", "launch"), ("act", 7), ("act", ["request"]), ("act", ""),
    ("con", {}), ("con", "x"), ("con", [7]), ("con", [{}]), ("con", None), ("con", [[]]),
    ("scp", 7), ("scp", ""), ("scp", "a b"), ("scp", "x" * 129),
    ("ver", -1), ("ver", "1"), ("ver", True), ("ver", 2**40),
    ("irt", "x"), ("htm", "post"), ("htu", "ftp://x"), ("htu", "https://x y"), ("htm", None),
    ("same_person", "AB" * 32), ("same_person", "ab" * 31), ("delivered", ["ab" * 32]), ("part", 7),
    ("mapping", "x"), ("mapping", ["x"]), ("mapping", ["x", 1]), ("mapping", ["x", "1", "2"]),
    ("posture", "maybe"), ("posture", ["done"]), ("reason", "two words"), ("reason", ""),
    ("seq", 0), ("seq", -1), ("seq", "1"), ("seq", True), ("seq", 1.0), ("seq", 2**53), ("seq", None),
    ("nbf", 1), ("sub", "CN-31"), ("", 1), ("Iss", "CN-31"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_unseal_when_a_claim_has_not_its_exact_form_then_refuses(name: str, value: Any) -> None:  # EN-23, EN-24, EN-29
    refused("trust.bad_envelope", forge(header(), claims() | {name: value}))


def test_unseal_when_several_claims_are_wrong_then_names_all_and_repeats_no_value() -> None:  # EN-25
    body = claims() | {"aud": "citizen 11010519491231002X", "jti": 1, "extra-11010519491231002X": 1}
    del body["exp"]
    error = refused("trust.bad_envelope", forge(header(), body))
    assert {problem.path for problem in error.problems} == {"aud", "jti", "exp", ""}
    assert "11010519491231002X" not in str(error)
    assert "11010519491231002X" not in repr(error.facts)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Part"}, {"name": "../x"}, {"name": 7}, {"name": "p" * 200}, {"name": ""},
        {"sd": "AB" * 32}, {"sd": "ab"}, {"sd": None},
        {"type": "application/xml; charset=gbk"}, {"type": "xml"}, {"type": 7},
        {"length": -1}, {"length": True}, {"length": "3"}, {"length": protocol.CONTENT_BYTES_MAX + 1},
        {"extra": 1},
    ],
)  # fmt: skip
def test_unseal_when_a_content_entry_has_not_its_exact_form_then_refuses(change: dict[str, Any]) -> None:  # EN-26
    body = claims()
    body["con"][3] |= change
    refused("trust.bad_envelope", forge(header(), body))


def test_unseal_when_contents_are_too_many_too_much_or_double_then_refuses() -> None:  # EN-27
    body = claims()
    many = [body["con"][0] | {"name": f"n{number}"} for number in range(protocol.CONTENTS_MAX + 1)]
    refused("trust.bad_envelope", forge(header(), body | {"con": many}))
    huge = [entry | {"length": protocol.CONTENT_BYTES_MAX} for entry in body["con"]]
    refused("trust.bad_envelope", forge(header(), body | {"con": huge}))
    refused("trust.bad_envelope", forge(header(), body | {"con": [*body["con"], body["con"][0]]}))


def test_unseal_when_act_is_known_but_has_no_row_then_leaves_its_contents_to_the_use_case() -> None:  # EN-28
    contents = (content("anything"),)
    assert opened(sealed(contents=contents, act="expire"), contents).act == "expire"


@pytest.mark.parametrize("missing", ["request", "identity", "consent"])
def test_unseal_when_the_act_lacks_a_content_then_refuses(missing: str) -> None:  # EN-28
    body = claims()
    body["con"] = [entry for entry in body["con"] if entry["name"] != missing]
    error = refused("trust.missing_content", forge(header(), body))
    assert [problem.path for problem in error.problems] == [f"content {missing}"]


def test_unseal_when_the_act_has_a_content_of_another_act_then_refuses() -> None:  # EN-28
    body = claims()
    body["con"].append(body["con"][0] | {"name": "decision"})
    refused("trust.unexpected_content", forge(header(), body))


# ---------------------------------------------------------------- audience, target, contents


def test_unseal_when_addressed_to_another_then_refuses() -> None:  # EN-30
    refused("trust.wrong_audience", sealed(aud="CN-33"))


@pytest.mark.parametrize(
    "target",
    [
        None,
        HttpTarget("PUT", TARGET.url),
        HttpTarget("POST", TARGET.url + "/"),
        HttpTarget("POST", TARGET.url.replace("v1", "V1")),
        HttpTarget("POST", TARGET.url.replace("https", "http")),
    ],
)
def test_unseal_when_bound_to_another_request_then_refuses(target: HttpTarget | None) -> None:  # EN-31
    refused("trust.wrong_target", sealed(), http=target)
    refused("trust.wrong_target", sealed(http=target))


def test_unseal_when_only_one_of_htm_and_htu_is_there_then_refuses() -> None:  # EN-31
    for name in ("htm", "htu"):
        body = claims()
        del body[name]
        refused("trust.bad_envelope", forge(header(), body))


def test_unseal_when_contents_given_and_named_differ_then_refuses() -> None:  # EN-32
    refused("trust.missing_content", sealed(), contents=REQUEST[:3])
    refused("trust.unexpected_content", sealed(), contents=(*REQUEST, content("manifest")))
    error = refused("trust.missing_content", sealed(), contents=(*REQUEST[:2], content("manifest")))
    assert {problem.path for problem in error.problems} == {"content consent", "content part", "content manifest"}


@pytest.mark.parametrize(
    "change",
    [
        {"data": b"<Request/>"},
        {"data": b"<request/> "},
        {"secret": b"\x01" * 32},
        {"secret": b""},
        {"media_type": "text/xml"},
        {"name": "part"},
    ],
)
def test_unseal_when_a_content_is_not_what_was_signed_then_refuses_and_names_it(change: dict[str, Any]) -> None:  # EN-33
    given: dict[str, RawContent] = raw(REQUEST)
    given["request"] = dataclasses.replace(given["request"], **change)
    with pytest.raises(TrustError) as caught:
        unseal(sealed(), given, keys=find, audience="CN-YRD", http=TARGET)
    assert caught.value.code == "trust.digest_mismatch"
    assert [problem.path for problem in caught.value.problems] == ["content request"]


def test_unseal_when_the_signed_length_is_not_the_contents_then_refuses() -> None:  # EN-33
    body = claims()
    body["con"][0]["length"] += 1
    refused("trust.digest_mismatch", forge(header(), body))


def test_unseal_when_two_contents_change_places_then_names_both() -> None:
    given = raw(REQUEST)
    given["request"], given["consent"] = (
        dataclasses.replace(given["consent"], name="request"),
        dataclasses.replace(given["request"], name="consent"),
    )
    with pytest.raises(TrustError) as caught:
        unseal(sealed(), given, keys=find, audience="CN-YRD", http=TARGET)
    assert len(caught.value.problems) == 2


# ---------------------------------------------------------------- freshness


@pytest.mark.parametrize(
    ("offset", "code"),
    [
        (timedelta(seconds=-61), "trust.not_yet_valid"),
        (timedelta(seconds=-60), ""),
        (timedelta(0), ""),
        (timedelta(minutes=5) - SECOND, ""),
        (timedelta(minutes=5), "trust.stale"),
        (timedelta(days=400), "trust.stale"),
    ],
)
def test_check_fresh_when_at_each_edge_then_holds_or_refuses_with_the_time(offset: timedelta, code: str) -> None:  # EN-45
    message = opened(sealed())
    if not code:
        message.check_fresh(NOW + offset, protocol.LIFETIME_HTTP_MAX)
        return
    with pytest.raises(TrustError) as caught:
        message.check_fresh(NOW + offset, protocol.LIFETIME_HTTP_MAX)
    assert caught.value.code == code
    told = (NOW + offset).isoformat(timespec="seconds")
    assert told in caught.value.en
    assert told in caught.value.zh
    assert caught.value.facts["now"] == told


@pytest.mark.parametrize("limit", [protocol.LIFETIME_HTTP_MAX, protocol.LIFETIME_FILE_MAX])
def test_check_fresh_when_lifetime_is_at_or_over_its_limit_then_holds_or_refuses(limit: timedelta) -> None:  # EN-46
    opened(sealed(exp=NOW + limit)).check_fresh(NOW, limit)
    with pytest.raises(TrustError) as caught:
        opened(sealed(exp=NOW + limit + SECOND)).check_fresh(NOW, limit)
    assert caught.value.code == "trust.stale"


def test_check_fresh_when_lifetime_is_nothing_then_is_stale_but_well_formed() -> None:
    message = opened(sealed(exp=NOW))
    with pytest.raises(TrustError):
        message.check_fresh(NOW, protocol.LIFETIME_HTTP_MAX)


# ---------------------------------------------------------------- sealing


def test_seal_when_it_would_be_refused_then_is_not_signed() -> None:
    for changes, code in (
        ({"jti": "short"}, "trust.bad_envelope"),
        ({"exp": NOW - SECOND}, "trust.bad_envelope"),
        ({"colour": "red"}, "trust.bad_envelope"),
        ({"act": "decide"}, "trust.missing_content"),
        ({"contents": (*REQUEST, content("decision"))}, "trust.unexpected_content"),
        ({"contents": (*REQUEST, REQUEST[0])}, "trust.bad_envelope"),
        ({"http": ("post", "https://x")}, "trust.bad_envelope"),
    ):
        with pytest.raises(TrustError) as caught:
            sealed(**changes)
        assert caught.value.code == code


def test_seal_when_everything_is_as_long_as_it_may_be_then_still_fits_the_bound() -> None:  # EN-10
    parts = [f"n{number:02}" + "x" * 29 + ("-" + "y" * 31) * 3 for number in range(protocol.CONTENTS_MAX)]
    many = tuple(content(name, media_type="a" * 31 + "/" + "b" * 96) for name in parts)
    token = sealed(contents=many, act="expire", http=("POST", "https://x/" + "y" * 1998), scp="s" * 128, reason="r" * 64, part="ab" * 32)
    assert 0.8 * protocol.ENVELOPE_BYTES_MAX < len(token) < protocol.ENVELOPE_BYTES_MAX
    assert opened(token, many, http=HttpTarget("POST", "https://x/" + "y" * 1998)).act == "expire"


def test_reseal_when_late_then_changes_only_times_target_and_signature() -> None:  # EN-43
    first = sealed(scp="ab" * 32)
    at, until = NOW + timedelta(days=1), LATER + timedelta(days=1)
    again = reseal(first, key=SHANGHAI, iss="CN-31", iat=at, exp=until, http=("POST", "https://other.example/x"))
    message = opened(again, http=HttpTarget("POST", "https://other.example/x"))
    assert message.content_digest == opened(first).content_digest
    assert message.jti == JTI
    assert (message.iat, message.exp) == (at, until)
    assert {**message.claims, "iat": 0, "exp": 0, "htu": 0} == {**claims(first), "iat": 0, "exp": 0, "htu": 0}
    in_file = reseal(first, key=SHANGHAI, iss="CN-31", iat=at, exp=until)
    assert opened(in_file, http=None).content_digest == message.content_digest


def test_reseal_when_token_is_another_members_then_refuses() -> None:
    with pytest.raises(TrustError) as caught:
        reseal(sealed("CN-32"), key=SHANGHAI, iss="CN-31", iat=NOW, exp=LATER)
    assert caught.value.code == "trust.bad_envelope"


@pytest.mark.parametrize(
    "changes",
    [
        {"jti": OTHER_JTI},
        {"act": "fetch"},
        {"scp": "x"},
        {"ver": 1},
        {"irt": OTHER_JTI},
        {"same_person": "cd" * 32},
        {"reason": "r"},
        {"aud": "CN-33"},
    ],
)
def test_content_digest_when_anything_but_time_and_target_changes_then_differs(changes: dict[str, Any]) -> None:  # EN-42
    contents = tuple(content(name) for name in ("case", "request", "identity", "consent-source")) if changes.get("act") else REQUEST
    other = open_envelope(sealed(contents=contents, **changes), keys=find)
    assert other.content_digest != opened(sealed()).content_digest


# ---------------------------------------------------------------- twins, forgery of the type, leaks


def test_unseal_when_es256_signature_is_the_twin_then_is_the_same_message() -> None:  # EN-16
    token = sealed("CN-32")
    signed, _dot, signature = token.rpartition(".")
    r, s = (int.from_bytes(half, "big") for half in (unpadded(signature)[:32], unpadded(signature)[32:]))
    twin = f"{signed}.{b64url(r.to_bytes(32, 'big') + (P256_ORDER - s).to_bytes(32, 'big'))}"
    assert twin != token
    assert opened(twin).content_digest == opened(token).content_digest


@pytest.mark.parametrize("numbers", [(0, 0), (0, 1), (1, 0), (P256_ORDER, 1), (1, P256_ORDER), (2**256 - 1, 2**256 - 1)])
def test_unseal_when_es256_numbers_are_out_of_range_then_refuses(numbers: tuple[int, int]) -> None:
    signed = sealed("CN-32").rpartition(".")[0]
    refused("trust.bad_signature", f"{signed}.{b64url(b''.join(number.to_bytes(32, 'big') for number in numbers))}")


def test_unseal_when_es256_signature_is_der_then_refuses() -> None:
    signed, _dot, signature = sealed("CN-32").rpartition(".")
    raw_signature = unpadded(signature)
    der = encode_dss_signature(*(int.from_bytes(half, "big") for half in (raw_signature[:32], raw_signature[32:])))
    assert decode_dss_signature(der)
    refused("trust.bad_signature", f"{signed}.{b64url(der)}")


def test_verified_message_when_made_outside_the_door_then_raises() -> None:
    message = opened(sealed())
    fields = {item.name: getattr(message, item.name) for item in dataclasses.fields(message)}
    with pytest.raises(TypeError):
        VerifiedMessage(door=object(), **fields)
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(message, act="decide")
    del fields["contents"]
    with pytest.raises(TypeError):
        VerifiedEnvelope(door=None, **fields)
    with pytest.raises(TypeError):
        message.claims["act"] = "decide"


def test_unseal_when_refusing_then_error_and_its_causes_hold_nothing_of_the_input() -> None:  # EN-25
    canary = "11010519491231002X"
    tokens = [
        forge(header() | {"kid": canary}, claims()),
        forge(header(), f'{{"iss": "CN-31", "{canary}'.encode()),
        forge(header(), claims() | {"reason": canary + " "}),
        forge(header(), claims() | {"con": [{"name": canary}]}),
    ]
    for token in tokens:
        error = refused("trust.bad_envelope", token)
        told: list[BaseException | None] = [error, error.__cause__, error.__context__ if not error.__suppress_context__ else None]
        assert all(canary not in f"{each!r} {each}" for each in told)
        assert canary not in repr(error.problems)


# ---------------------------------------------------------------- detached


@pytest.mark.parametrize("key", [SHANGHAI, JIANGSU])
def test_detached_when_document_is_the_signed_one_then_tells_the_kid(key: SigningKey) -> None:
    jws = sign_detached(key, b"document", "ceg-trust+jws")
    pinned = {key.kid: key.verify_key}
    assert verify_detached(jws, b"document", "ceg-trust+jws", pinned.get) == key.kid
    for changes, code in (
        ({"document": b"Document"}, "trust.bad_signature"),
        ({"typ": "ceg-agreement+jws"}, "trust.bad_envelope"),
        ({"keys": {}.get}, "trust.unknown_key"),
        ({"keys": lambda _kid: SigningKey.from_seed(b"\x77" * 32).verify_key}, "trust.unknown_key"),
        ({"text": jws.replace("..", ".QUFB.")}, "trust.bad_envelope"),
        ({"text": jws + "="}, "trust.bad_envelope"),
    ):
        arguments: dict[str, Any] = {"text": jws, "document": b"document", "typ": "ceg-trust+jws", "keys": pinned.get}
        with pytest.raises(TrustError) as caught:
            verify_detached(**(arguments | changes))
        assert caught.value.code == code


def test_detached_when_an_envelope_is_given_as_one_then_refuses() -> None:
    head, _payload, signature = sealed().split(".")
    with pytest.raises(TrustError):
        verify_detached(f"{head}..{signature}", unpadded(sealed().split(".")[1]), "ceg-trust+jws", {SHANGHAI.kid: SHANGHAI.verify_key}.get)
