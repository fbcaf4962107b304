"""RFC 3161: a token of an authority that is not ours (openssl) holds for its digest and for nothing else (TL-58)."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from support.stamps import LocalAuthority, certificate

from gateway.crypto import der
from gateway.crypto.timestamps import Authority, stamp_request, token_of, verify_stamp
from gateway.errors import SettingsError, TransferLogError
from gateway.system import SystemClock

DIGEST = sha256(b"checkpoint").digest()
NONCE = 0x7EADBEEF12345678


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalAuthority:
    return LocalAuthority.make(tmp_path_factory.mktemp("tsa"))


@pytest.fixture(scope="module")
def authority(local: LocalAuthority) -> Authority:
    return Authority.load(local.file.read_bytes())


@pytest.fixture(scope="module")
def token(local: LocalAuthority) -> bytes:
    return token_of(local.reply(stamp_request(DIGEST, NONCE)))


def test_token_when_of_the_pinned_authority_then_it_says_when(token: bytes, authority: Authority) -> None:
    stamp = verify_stamp(token, DIGEST, authority, NONCE)
    assert abs(stamp.at - SystemClock().now()) < timedelta(minutes=5)
    assert (stamp.policy, stamp.serial) == ("1.2.3.4.1", "2")
    assert verify_stamp(token, DIGEST, authority) == stamp


def test_token_when_about_something_else_then_refused(token: bytes, authority: Authority) -> None:
    for digest, nonce, reason in ((sha256(b"other").digest(), NONCE, "another digest"), (DIGEST, NONCE + 1, "nonce")):
        with pytest.raises(TransferLogError) as raised:
            verify_stamp(token, digest, authority, nonce)
        assert (raised.value.code, raised.value.facts["reason"]) == ("transferlog.bad_stamp", reason)


def test_token_when_any_byte_is_changed_then_refused_or_outside_of_what_is_signed(token: bytes, authority: Authority) -> None:
    """The copy of the certificate in the token is not believed and may say anything; every other byte counts."""
    stamp, refused = verify_stamp(token, DIGEST, authority, NONCE), []
    for at in range(len(token)):
        changed = token[:at] + bytes([token[at] ^ 1]) + token[at + 1 :]
        try:
            assert verify_stamp(changed, DIGEST, authority, NONCE) == stamp
        except TransferLogError as error:
            refused.append(error.code)
    assert set(refused) == {"transferlog.bad_stamp"}
    assert len(refused) > 400


def test_authority_when_another_or_out_of_its_time_then_refused(token: bytes, authority: Authority) -> None:
    now = SystemClock().now()
    key = ec.generate_private_key(ec.SECP256R1())
    other = replace(authority, certificate=certificate(key, ExtendedKeyUsageOID.TIME_STAMPING, now - timedelta(1), now + timedelta(1)))
    with pytest.raises(TransferLogError) as raised:
        verify_stamp(token, DIGEST, other, NONCE)
    assert raised.value.facts["reason"] == "another certificate"


def test_certificate_when_it_may_not_stamp_or_is_none_then_refused(tmp_path: Path) -> None:
    wrong = LocalAuthority.make(tmp_path, ExtendedKeyUsageOID.SERVER_AUTH).file.read_bytes()
    for raw in (wrong, b"", b"-----BEGIN nothing"):
        with pytest.raises(SettingsError) as raised:
            Authority.load(raw)
        assert raised.value.code == "settings.timestamp"


def test_reply_when_a_refusal_or_garbage_then_named() -> None:
    refusal = der.write(der.SEQUENCE, der.write(der.SEQUENCE, der.write_integer(2)))
    for reply, code in ((refusal, "transferlog.stamp_refused"), (b"", "transferlog.bad_stamp"), (b"\x30\x80", "transferlog.bad_stamp")):
        with pytest.raises(TransferLogError) as raised:
            token_of(reply)
        assert raised.value.code == code


@pytest.mark.parametrize("data", [b"", b"\x02", b"\x02\x01", b"\x02\x81\x01\x00", b"\x02\x82\x00\x81", b"\x1f\x01\x00", b"\x02\x01\x00x"])
def test_der_when_in_a_form_of_its_own_then_refused(data: bytes) -> None:
    with pytest.raises(der.DerError):
        der.parse(data)
    with pytest.raises(der.DerError):
        der.Node(der.INTEGER, b"\x00\x01", b"").integer()
