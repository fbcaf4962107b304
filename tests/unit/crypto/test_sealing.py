"""Per-part keys at rest: what is sealed opens only in its own place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.keys import write_secret_file
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import SettingsError, StorageError

KEK = KeyEncryptionKey.from_bytes(b"\x11" * 32)
OTHER = KeyEncryptionKey.from_bytes(b"\x12" * 32)
PART, WRAPPED = KEK.new_part_key("part-1", b"\x21" * 32)
NONCE = b"\x31" * 12
SEALED = PART.seal("local", b"plain text", NONCE)


@given(st.binary(max_size=300), st.text(max_size=20), st.binary(min_size=12, max_size=12))
def test_seal_when_opened_with_the_wrapped_key_then_gives_the_bytes(plain: bytes, name: str, nonce: bytes) -> None:
    sealed = PART.seal(name, plain, nonce)
    assert KEK.open_part_key("part-1", WRAPPED).open(name, sealed) == plain
    assert plain not in sealed[13:] or len(plain) < 8


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_open_when_one_byte_is_changed_then_refuses(place: int, flip: int) -> None:
    changed = SEALED[:place] + bytes([SEALED[place] ^ flip]) + SEALED[place + 1 :]
    with pytest.raises(StorageError) as caught:
        PART.open("local", changed)
    assert caught.value.code == "storage.sealed_broken"


@given(st.integers(0, len(WRAPPED) - 1), st.integers(1, 255))
def test_open_part_key_when_one_byte_is_changed_then_refuses(place: int, flip: int) -> None:
    changed = WRAPPED[:place] + bytes([WRAPPED[place] ^ flip]) + WRAPPED[place + 1 :]
    with pytest.raises(StorageError) as caught:
        KEK.open_part_key("part-1", changed)
    assert caught.value.code == ("storage.other_master_key" if 1 <= place <= 4 else "storage.sealed_broken")


@given(st.binary(max_size=80))
def test_open_when_given_anything_then_raises_only_its_error(junk: bytes) -> None:
    with pytest.raises(StorageError):
        PART.open("local", junk)
    with pytest.raises(StorageError):
        KEK.open_part_key("part-1", junk)


def test_open_when_name_or_part_is_another_then_refuses() -> None:
    elsewhere, _wrapped = KEK.new_part_key("part-2", b"\x21" * 32)
    for opener, name in ((PART, "regional"), (elsewhere, "local")):
        with pytest.raises(StorageError):
            opener.open(name, SEALED)
    with pytest.raises(StorageError):
        KEK.open_part_key("part-2", WRAPPED)


def test_binding_when_part_and_name_share_their_text_then_still_differs() -> None:
    """Length prefixes: ("ab", "c") is not ("a", "bc")."""
    first, _ = KEK.new_part_key("ab", b"\x21" * 32)
    second, _ = KEK.new_part_key("a", b"\x21" * 32)
    with pytest.raises(StorageError):
        second.open("bc", first.seal("c", b"x", NONCE))


def test_open_part_key_when_master_key_is_another_then_names_both() -> None:
    with pytest.raises(StorageError) as caught:
        OTHER.open_part_key("part-1", WRAPPED)
    assert caught.value.code == "storage.other_master_key"
    assert caught.value.facts == {"wanted": KEK.id, "given": OTHER.id}


def test_wrapped_key_when_made_twice_then_is_the_same_and_hides_the_key() -> None:
    assert KEK.new_part_key("part-1", b"\x21" * 32)[1] == WRAPPED
    assert len(WRAPPED) == 53
    assert b"\x21" * 8 not in WRAPPED


def test_lengths_when_wrong_then_raise() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KEK.new_part_key("part-1", b"short")
    with pytest.raises(ValueError, match="12 bytes"):
        PART.seal("local", b"", b"short")


def test_master_key_when_created_then_loads_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    made = KeyEncryptionKey.create(path, b"\x11" * 32)
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyEncryptionKey.load(path).id == made.id == KEK.id
    with pytest.raises(SettingsError):
        KeyEncryptionKey.create(path, b"\x13" * 32)
    path.chmod(0o644)
    with pytest.raises(SettingsError) as caught:
        KeyEncryptionKey.load(path)
    assert caught.value.code == "settings.key_file_mode"


def test_master_key_when_file_has_another_length_then_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    write_secret_file(path, b"\x11" * 31)
    with pytest.raises(SettingsError) as caught:
        KeyEncryptionKey.load(path)
    assert caught.value.code == "settings.key_file"


def test_keys_when_shown_then_tell_nothing() -> None:
    assert "21" * 4 not in repr(PART)
    assert "11" * 4 not in repr(KEK)
