"""Fixed inputs and fixed outputs: published vectors first, then our own wire, which must never change.

Sources: RFC 7638 and RFC 8037 (thumbprints, appendix A.3), RFC 8032 (test 1), RFC 7515 (appendix A.3,
ES256).  `rfc8785` and PyJWT's own front door are second opinions.
"""

from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
import rfc8785

from gateway.crypto.digests import nullifier, pseudonym, salted_digest
from gateway.crypto.keys import SigningKey, VerifyKey, verify_ed25519
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.envelope import _ALGORITHM, open_envelope, unseal
from gateway.federation.message import MemberKey, RawContent
from gateway.model.canonical import b64url, unb64url
from tests.support.envelopes import JIANGSU, REQUEST, SHANGHAI, claims, sealed

RFC8037_SEED = unb64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
RFC8037_JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
RFC7515_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC7515_SIGNED = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
RFC7515_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

KID = "6X8Jv59SCkO8qiMTWfMgeguMflNDb_2N_3KHwxCX4_w"
PAYLOAD = (
    '{"act":"request","aud":"CN-YRD","con":[{"length":10,"name":"request","sd":"16cccc7b775a47ae6df0a770b'
    '1612e2b5575ca0e37d3b1d208688d969a4a5019","type":"application/xml"},{"length":11,"name":"identity","s'
    'd":"97adc611c75737acc1863173ada9dc44834316e91fbb60fe30cd049b172f4cb1","type":"application/xml"},{"le'
    'ngth":10,"name":"consent","sd":"aa9d1720705484e6fe4f7761191a00ffee79debfa40a9e6626218d01da753a32","t'
    'ype":"application/xml"},{"length":8,"name":"part","sd":"4443f40d3bfbe445c110472f4671eb6a98845de2b6de'
    'ba7c26eaf7365a43ffbd","type":"application/json"}],"exp":1793606700,"htm":"POST","htu":"https://gatew'
    'ay.example/v1/messages","iat":1793606400,"iss":"CN-31","jti":"AAECAwQFBgcICQoLDA0ODw","same_person":'
    '"abababababababababababababababababababababababababababababababab","v":1}'
)
SIGNATURE = "9-Z3XyPA-luAMnsFUkRDlh0HnrX9CIkpfSiJcA1S6Vxj1Sc4mib-V9qlnm_azeda6KgodMrvx9tUR0Pvxsc8BQ"
CONTENT_DIGEST = "56076752d1df42dc0e2fe7894543c78fc23913bab6b035a481b4d9d35b0c4034"
ES256_TOKEN = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IjRyUGxWLTJEQlJpT0VydzJ1SER0c080YVFKWEJMV1NiQ2VXWW8zMjM2R1UiLCJ0eXAiOiJj"
    "ZWctZW52ZWxvcGUrandzIn0.eyJhY3QiOiJyZXF1ZXN0IiwiYXVkIjoiQ04tWVJEIiwiY29uIjpbeyJsZW5ndGgiOjEwLCJuYW1l"
    "IjoicmVxdWVzdCIsInNkIjoiMTZjY2NjN2I3NzVhNDdhZTZkZjBhNzcwYjE2MTJlMmI1NTc1Y2EwZTM3ZDNiMWQyMDg2ODhkOTY5"
    "YTRhNTAxOSIsInR5cGUiOiJhcHBsaWNhdGlvbi94bWwifSx7Imxlbmd0aCI6MTEsIm5hbWUiOiJpZGVudGl0eSIsInNkIjoiOTdh"
    "ZGM2MTFjNzU3MzdhY2MxODYzMTczYWRhOWRjNDQ4MzQzMTZlOTFmYmI2MGZlMzBjZDA0OWIxNzJmNGNiMSIsInR5cGUiOiJhcHBs"
    "aWNhdGlvbi94bWwifSx7Imxlbmd0aCI6MTAsIm5hbWUiOiJjb25zZW50Iiwic2QiOiJhYTlkMTcyMDcwNTQ4NGU2ZmU0Zjc3NjEx"
    "OTFhMDBmZmVlNzlkZWJmYTQwYTllNjYyNjIxOGQwMWRhNzUzYTMyIiwidHlwZSI6ImFwcGxpY2F0aW9uL3htbCJ9LHsibGVuZ3Ro"
    "Ijo4LCJuYW1lIjoicGFydCIsInNkIjoiNDQ0M2Y0MGQzYmZiZTQ0NWMxMTA0NzJmNDY3MWViNmE5ODg0NWRlMmI2ZGViYTdjMjZl"
    "YWY3MzY1YTQzZmZiZCIsInR5cGUiOiJhcHBsaWNhdGlvbi9qc29uIn1dLCJleHAiOjE3OTM2MDY3MDAsImh0bSI6IlBPU1QiLCJo"
    "dHUiOiJodHRwczovL2dhdGV3YXkuZXhhbXBsZS92MS9tZXNzYWdlcyIsImlhdCI6MTc5MzYwNjQwMCwiaXNzIjoiQ04tMzIiLCJq"
    "dGkiOiJBQUVDQXdRRkJnY0lDUW9MREEwT0R3Iiwic2FtZV9wZXJzb24iOiJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJh"
    "YmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiIiwidiI6MX0.AQ7RltjqUPMm2UDVelWr6_-RmGL3wni7BAgTtBNI0UbX"
    "70HPVpQ-IKb3xcAA9VridoirJTvOz4IY8l5AJJDYGQ"
)
SALTED = "4b9bf1202c05b6a5ba06194f94626d46addf12e989a2cdfaf0e0b8f9b4ef069d"
PSEUDONYM = "ae6a9765525a4f4bb57700b241974dcba60aad520a9d040b50039278a4d95002"
NULLIFIER = "9e6051697309fca5eca5caa5ade1f62789753652071e4569e6516e93f46eabc1"
WRAPPED = "01d2166f7129c5282b51ea260f6dc0ad10e2f1f7a5b9abfb43d3489de844620768b0665cfe04e2196bf649ee26853190d0cfbf368d"
SEALED = "0100000000000000000000000093428030fa8415545d916f8a0285a2ac037e224b1b"


def test_thumbprint_when_key_is_that_of_rfc_8037_then_is_the_published_one() -> None:
    assert VerifyKey.from_jwk(RFC8037_JWK).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert SigningKey.from_seed(RFC8037_SEED).verify_key.jwk == RFC8037_JWK


def test_jws_when_signed_with_the_key_of_rfc_8037_then_is_the_published_one() -> None:
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    assert b64url(SigningKey.from_seed(RFC8037_SEED).sign(signed)) == signature


def test_ed25519_when_given_rfc_8032_test_1_then_holds() -> None:
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert verify_ed25519(unb64url(RFC8037_JWK["x"]), signature, b"")


def test_es256_when_given_rfc_7515_a3_then_holds() -> None:
    key = VerifyKey.from_jwk(RFC7515_JWK)
    assert _ALGORITHM[key.alg].verify(RFC7515_SIGNED.encode(), key.handle, unb64url(RFC7515_SIGNATURE))


def test_wire_when_an_ed25519_envelope_is_sealed_then_never_changes() -> None:
    """If this fails, the wire has changed: that is a new version, not a new expectation."""
    token = sealed()
    header, payload, signature = token.split(".")
    assert unb64url(header) == b'{"alg":"EdDSA","kid":"' + SHANGHAI.kid.encode() + b'","typ":"ceg-envelope+jws"}'
    assert SHANGHAI.kid == KID
    assert unb64url(payload).decode() == PAYLOAD
    assert signature == SIGNATURE
    assert open_envelope(token, keys=lambda iss, _kid: MemberKey(iss, SHANGHAI.verify_key)).content_digest == CONTENT_DIGEST


def test_wire_when_a_stored_es256_envelope_is_opened_then_still_holds() -> None:
    envelope = open_envelope(ES256_TOKEN, keys=lambda iss, _kid: MemberKey(iss, JIANGSU.verify_key))
    assert (envelope.iss, envelope.iat) == ("CN-32", datetime(2026, 11, 2, 8, 0, tzinfo=UTC))


def test_payload_when_compared_with_an_rfc_8785_library_then_is_the_same() -> None:
    assert rfc8785.dumps(claims()) == unb64url(sealed().split(".")[1])


@pytest.mark.parametrize("key", [SHANGHAI, JIANGSU])
def test_token_when_read_by_pyjwt_itself_then_holds(key: SigningKey) -> None:
    token = sealed("CN-31" if key is SHANGHAI else "CN-32")
    public: Any = key.verify_key.handle
    read = jwt.decode(token, public, algorithms=[key.alg], audience="CN-YRD", options={"verify_exp": False, "verify_iat": False})
    assert read == claims(token)


def test_token_when_made_by_pyjwt_then_unseals() -> None:
    """What a bank gets with the library's own front door and our header."""
    private: Any = SHANGHAI.handle
    token = jwt.encode(claims(), private, algorithm="EdDSA", headers={"kid": SHANGHAI.kid, "typ": "ceg-envelope+jws"})
    contents = {each.name: RawContent(each.name, each.data, None, each.secret) for each in REQUEST}
    body = claims()
    del body["htm"], body["htu"]
    in_file = jwt.encode(body, private, algorithm="EdDSA", headers={"kid": SHANGHAI.kid, "typ": "ceg-envelope+jws"})
    keys = {SHANGHAI.kid: MemberKey("CN-31", SHANGHAI.verify_key)}
    message = unseal(in_file, contents, keys=lambda _iss, kid: keys.get(kid), audience="CN-YRD", http=None)
    assert message.content_digest == open_envelope(token, keys=lambda _iss, kid: keys.get(kid)).content_digest


def test_digests_when_inputs_are_fixed_then_never_change() -> None:
    key = bytes(range(32))
    assert salted_digest(key, b"content") == SALTED
    assert pseudonym(key, "11010519491231002X") == PSEUDONYM
    assert nullifier(key, "hrss:2233000000401187") == NULLIFIER


def test_wrapped_key_when_inputs_are_fixed_then_never_changes() -> None:
    part, wrapped = KeyEncryptionKey.from_bytes(bytes(range(32))).new_part_key("part-1", bytes(range(32, 64)))
    assert wrapped.hex() == WRAPPED
    assert part.seal("local", b"plain", bytes(12)).hex() == SEALED
