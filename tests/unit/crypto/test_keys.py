"""Keys: files, JWK in and out, and every public key that must not be believed."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.crypto.keys import _SMALL_ORDER, SigningKey, VerifyKey, verify_ed25519, write_secret_file
from gateway.errors import SettingsError, TrustError

KEY = SigningKey.from_seed(b"\x01" * 32)
EC_KEY = SigningKey.from_seed(b"\x02" * 32, "ES256")
P = 2**255 - 19


@pytest.mark.parametrize("alg", ["EdDSA", "ES256"])
def test_key_when_saved_and_loaded_then_is_the_same(tmp_path: Path, alg: str) -> None:
    path = tmp_path / "key.pem"
    key = SigningKey.generate(alg)
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path).verify_key == key.verify_key
    assert SigningKey.load(path).alg == alg


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_load_when_others_can_touch_the_file_then_refuses(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    KEY.save(path)
    path.chmod(mode)
    with pytest.raises(SettingsError) as caught:
        SigningKey.load(path)
    assert caught.value.code == "settings.key_file_mode"


def test_save_when_a_file_exists_then_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    KEY.save(path)
    with pytest.raises(SettingsError) as caught:
        EC_KEY.save(path)
    assert caught.value.code == "settings.key_file"
    assert SigningKey.load(path).kid == KEY.kid


def test_load_when_file_is_no_key_then_refuses(tmp_path: Path) -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    p384 = ec.generate_private_key(ec.SECP384R1())
    pem = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    contents = [
        b"",
        b"not a key",
        KEY.to_pem()[:60],
        rsa_key.private_bytes(*pem, serialization.NoEncryption()),
        p384.private_bytes(*pem, serialization.NoEncryption()),
        p384.private_bytes(*pem, serialization.BestAvailableEncryption(b"secret")),
        b"x" * 20_000,
    ]
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.pem"
        write_secret_file(path, content)
        with pytest.raises(SettingsError) as caught:
            SigningKey.load(path)
        assert caught.value.code == "settings.key_file"


def test_load_when_path_is_missing_or_a_folder_then_refuses(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pem", tmp_path):
        with pytest.raises(SettingsError):
            SigningKey.load(path)
    with pytest.raises(SettingsError):
        KEY.save(tmp_path / "no folder" / "key.pem")


def test_load_when_path_is_a_device_then_does_not_read_it() -> None:
    with pytest.raises(SettingsError) as caught:
        SigningKey.load(Path(os.devnull))
    assert caught.value.code == "settings.key_file"


@pytest.mark.parametrize("key", [KEY, EC_KEY])
def test_jwk_when_read_back_then_gives_the_same_kid(key: SigningKey) -> None:
    again = VerifyKey.from_jwk(key.verify_key.jwk)
    assert again == key.verify_key
    assert again.kid == key.kid
    assert again.alg == key.alg
    assert len(again.kid) == 43


@pytest.mark.parametrize(
    "change",
    [
        {"d": "AAAA"},
        {"alg": "EdDSA"},
        {"kty": "EC"},
        {"crv": "Ed448"},
        {"x": ""},
        {"x": 7},
        {"x": None},
        {"x": "A" * 42},
        {"x": "é" * 43},
        {"x": KEY.verify_key.jwk["x"] + "="},
        {"x": KEY.verify_key.jwk["x"][:-1] + "!"},
    ],
)
def test_jwk_when_not_exactly_a_public_key_then_refused(change: dict[str, object]) -> None:
    with pytest.raises(TrustError) as caught:
        VerifyKey.from_jwk({**KEY.verify_key.jwk, **change})
    assert caught.value.code == "trust.bad_key"


def test_jwk_when_trailing_bits_are_not_zero_then_refused() -> None:
    text = KEY.verify_key.jwk["x"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
    with pytest.raises(TrustError):
        VerifyKey.from_jwk({**KEY.verify_key.jwk, "x": twin})


def test_jwk_when_point_is_off_the_curve_or_short_then_refused() -> None:
    jwk = EC_KEY.verify_key.jwk
    for change in ({"y": jwk["x"]}, {"x": "AA"}, {"crv": "P-384"}, {"crv": "secp256k1"}):
        with pytest.raises(TrustError) as caught:
            VerifyKey.from_jwk({**jwk, **change})
        assert caught.value.code == "trust.bad_key"


def test_small_order_list_when_checked_against_the_curve_then_is_complete() -> None:
    """RFC 8032 arithmetic: a point of the list has order 1, 2, 4 or 8; and the curve has no others."""
    d = -121665 * pow(121666, P - 2, P) % P

    def add(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
        (x1, y1), (x2, y2) = a, b
        t = d * x1 * x2 * y1 * y2 % P
        return (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P

    def x_of(y: int) -> int:
        square = (y * y - 1) * pow(d * y * y + 1, P - 2, P) % P
        x = pow(square, (P + 3) // 8, P)
        if x * x % P != square:
            x = x * pow(2, (P - 1) // 4, P) % P
        assert x * x % P == square
        return x

    points = set()
    for text in _SMALL_ORDER:
        y = int.from_bytes(text, "little") % P
        point = (x_of(y), y)
        points |= {point, (-point[0] % P, y)}
        eight = point
        for _ in range(3):
            eight = add(eight, eight)
        assert eight == (0, 1)
    assert len(points) == 8


@pytest.mark.parametrize("raw", sorted(_SMALL_ORDER))
@pytest.mark.parametrize("sign", [0, 0x80])
def test_ed25519_when_point_has_small_order_then_refused(raw: bytes, sign: int) -> None:
    with pytest.raises(TrustError) as caught:
        VerifyKey.from_ed25519(raw[:31] + bytes([raw[31] | sign]))
    assert caught.value.code == "trust.bad_key"


def test_sign_when_repeated_then_gives_the_same_bytes_and_verifies() -> None:
    signature = KEY.sign(b"note")
    assert signature == KEY.sign(b"note")
    assert verify_ed25519(KEY.public_raw, signature, b"note")
    assert not verify_ed25519(KEY.public_raw, signature, b"note ")
    assert not verify_ed25519(KEY.public_raw, signature[:-1], b"note")
    assert not verify_ed25519(SigningKey.from_seed(b"\x03" * 32).public_raw, signature, b"note")
    assert not verify_ed25519(b"short", signature, b"note")


def test_sign_when_key_is_not_ed25519_then_raises() -> None:
    with pytest.raises(TypeError):
        EC_KEY.sign(b"note")


def test_seed_when_used_twice_then_gives_one_key() -> None:
    for alg in ("EdDSA", "ES256"):
        assert SigningKey.from_seed(b"\x09" * 32, alg).kid == SigningKey.from_seed(b"\x09" * 32, alg).kid
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(b"short")
    with pytest.raises(ValueError, match="no such"):
        SigningKey.from_seed(b"\x09" * 32, "none")
    with pytest.raises(ValueError, match="no such"):
        SigningKey.generate("HS256")


def test_private_key_when_shown_then_tells_only_its_kid() -> None:
    assert repr(KEY) == f"SigningKey(EdDSA, kid={KEY.kid})"
    assert "PRIVATE" not in str(KEY)
    assert len({KEY.verify_key, SigningKey.from_seed(b"\x01" * 32).verify_key}) == 1
    assert KEY.verify_key != "another thing"
