"""Notes, checkpoints and cosignatures: one spelling, known keys checked, unknown ones ignored (TL-26 to TL-28)."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TransferLogError
from gateway.transferlog.checkpoint import (
    COSIGNATURE,
    NOTE_BYTES_MAX,
    NoteKey,
    Signed,
    decode_vkey,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    parse_decimal,
    sign_note,
    write_checkpoint,
)

ROOT = bytes(range(32))


def test_checkpoint_signed_and_opened_says_the_same(shop: Any) -> None:
    checkpoint = open_checkpoint(shop.note_of(7, ROOT), [shop.Signer(shop.origin).verifier])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.cosigned) == (shop.origin, 7, ROOT, ())


def test_cosignatures_of_known_witnesses_are_verified_with_their_time(shop: Any) -> None:
    witness = shop.Signer("bank-1.example", COSIGNATURE)
    checkpoint = open_checkpoint(shop.note_of(7, ROOT, witnesses=3), [shop.Signer(shop.origin).verifier, witness.verifier])
    assert checkpoint.cosigned == (Signed("bank-1.example", COSIGNATURE, 1_700_000_001),)


def test_cosignature_with_another_time_is_refused(shop: Any) -> None:
    note = shop.note_of(7, ROOT, witnesses=1)
    name, _, encoded = note.splitlines()[-1].rpartition(" ")
    raw = bytearray(base64.b64decode(encoded))
    raw[11] ^= 1
    changed = note.replace(f"{name} {encoded}", f"{name} {base64.b64encode(raw).decode()}")
    known = [shop.Signer(shop.origin).verifier, shop.Signer("bank-0.example", COSIGNATURE).verifier]
    assert open_checkpoint(note, known).cosigned
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_signature"):
        open_checkpoint(changed, known)
    assert open_checkpoint(changed, known[:1])


def test_unknown_lines_are_ignored_and_a_note_of_unknown_keys_only_is_refused(shop: Any) -> None:
    note = shop.note_of(7, ROOT)
    sm2 = f"— sm2.example {base64.b64encode(b'kkkk' + bytes(70)).decode()}\n"
    assert open_checkpoint(note + sm2, [shop.Signer(shop.origin).verifier])
    with pytest.raises(TransferLogError, match=r"transferlog\.unknown_signer"):
        open_checkpoint(note, [shop.Signer("another.example").verifier])
    with pytest.raises(TransferLogError, match=r"transferlog\.unknown_signer"):
        open_checkpoint(note, [])


def test_checkpoint_without_the_logs_own_signature_is_refused(shop: Any) -> None:
    other = shop.Signer("another.example")
    note = sign_note(write_checkpoint(shop.origin, 7, ROOT), other.key.name, other.key.id, other.sign)
    assert open_note(note, [other.verifier])
    with pytest.raises(TransferLogError, match=r"transferlog\.unknown_signer"):
        open_checkpoint(note, [other.verifier])


def test_same_witness_twice_counts_once(shop: Any) -> None:
    note = shop.note_of(7, ROOT, witnesses=1)
    twice = note + note.splitlines(keepends=True)[-1]
    known = [shop.Signer(shop.origin).verifier, shop.Signer("bank-0.example", COSIGNATURE).verifier]
    assert open_checkpoint(twice, known, cosigners_min=1).cosigned == open_checkpoint(note, known).cosigned
    with pytest.raises(TransferLogError, match=r"transferlog\.not_final"):
        open_checkpoint(twice, known, cosigners_min=2)


def test_log_signature_does_not_count_as_cosignature(shop: Any) -> None:
    body = write_checkpoint(shop.origin, 7, ROOT)
    log, bank = shop.Signer(shop.origin), shop.Signer("bank-0.example")
    extra = sign_note(body, bank.key.name, bank.key.id, bank.sign).splitlines(keepends=True)[-1]
    note = sign_note(body, log.key.name, log.key.id, log.sign) + extra
    with pytest.raises(TransferLogError, match=r"transferlog\.not_final"):
        open_checkpoint(note, [log.verifier, bank.verifier], cosigners_min=1)


def test_every_flipped_byte_of_a_signed_checkpoint_is_refused(shop: Any) -> None:
    raw = shop.note_of(7, ROOT).encode()
    for at in range(len(raw)):
        changed = (raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode("utf-8", "replace")
        with pytest.raises(TransferLogError):
            open_checkpoint(changed, [shop.Signer(shop.origin).verifier])


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:-1],
        lambda note: note + "\n",
        lambda note: note.replace("\n\n", "\n"),
        lambda note: note.replace("— ", "- "),
        lambda note: note.replace("— ", "—  "),
        lambda note: note + "— x\n",
        lambda note: note + "—  AAAAAAAA\n",
        lambda note: note + "— a+b AAAAAAAA\n",
        lambda note: note + "— x AAAA\n",
        lambda note: note + "— x AAAAAAB=\n",
        lambda note: note + "— x !!!!\n",
        lambda note: note + "— x AAAAAAAA=\n",
        lambda note: "\t" + note,
        lambda note: note + "\r\n",
        lambda note: "\ud800" + note,
        lambda _: "",
        lambda _: "\n\n",
        lambda _: "a\n\n",
        lambda note: "x" * NOTE_BYTES_MAX + note,
        lambda note: note + "— x AAAAAAAA\n" * 64,
    ],
)
def test_text_of_another_form_is_no_note(shop: Any, change: Any) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_note"):
        open_note(change(shop.note_of(7, ROOT)), [shop.Signer(shop.origin).verifier])


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n",
        "log\n7\n",
        "log\n07\nAAAA\n",
        "log\n-7\nAAAA\n",
        "log\n７\nAAAA\n",
        "log\n7\nAAAA\n",
        "\n7\nAAAA\n",
        f"log\n{2**63}\n{base64.b64encode(ROOT).decode()}\n",
        f"log\n7\n{base64.b64encode(ROOT).decode()}",
        f"log\n7\n{base64.b64encode(ROOT).decode()}\n\nx\n",
        f"log\n7\n{base64.b64encode(ROOT).decode()[:-2]}B=\n",
    ],
)
def test_body_of_another_form_is_no_checkpoint(body: str) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_checkpoint"):
        parse_checkpoint(body)


def test_extension_lines_are_kept() -> None:
    assert parse_checkpoint(write_checkpoint("log", 0, ROOT) + "more\n").extensions == ("more",)


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("10", 10), (str(2**63 - 1), 2**63 - 1), ("", None), ("00", None), ("1" * 20, None)])
def test_decimal_has_one_spelling(text: str, value: int | None) -> None:
    assert parse_decimal(text) == value


@pytest.mark.parametrize(
    "change", [lambda key: key[:-4], lambda key: key.replace("+", "-"), lambda key: "x" + key, lambda _: "", lambda key: key + "A"]
)
def test_verifier_key_of_another_form_is_refused(shop: Any, change: Any) -> None:
    vkey = shop.Signer("log.example").key.vkey
    assert decode_vkey(vkey).vkey == vkey
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_key"):
        decode_vkey(change(vkey))


@pytest.mark.parametrize(
    ("name", "kind", "public"), [("a b", 1, ROOT), ("", 1, ROOT), ("a", 2, ROOT), ("a", 1, ROOT[1:]), ("a+b", 4, ROOT)]
)
def test_key_with_a_name_kind_or_length_of_no_note_is_refused(name: str, kind: int, public: bytes) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_key"):
        NoteKey(name, kind, public)


@given(st.text(max_size=80))
def test_random_text_gives_only_named_refusals(text: str) -> None:
    for reading in (lambda: open_note(text, []), lambda: parse_checkpoint(text), lambda: decode_vkey(text)):
        with pytest.raises(TransferLogError):
            reading()
