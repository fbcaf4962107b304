"""Signed notes and checkpoints as text: C2SP signed-note, tlog-checkpoint and tlog-cosignature.

A checkpoint says "the log called ORIGIN had SIZE leaves under ROOT".  The log signs it (signature type 1, the key's
name is the origin); a witness bank adds a line with the time at which it saw it (type 4, `cosignature/v1`).
Lines of unknown keys are ignored, so a note may carry an SM2 line; a bad line of a known key refuses the note.
Keys come in as callables: this module holds no cipher.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from gateway.errors import TransferLogError

LOG_SIGNATURE: Final = 1
COSIGNATURE: Final = 4
PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
KEY_ID_BYTES: Final = 4
NOTE_BYTES_MAX: Final = 64 * 1024
SIGNATURES_MAX: Final = 64
SIZE_MAX: Final = 2**63 - 1
DASH: Final = "\N{EM DASH} "

Sign: TypeAlias = Callable[[bytes], bytes]
"""Message to a 64-byte Ed25519 signature."""
Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""`(public key, signature, message)` to whether it holds."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key under a name.  `kind` is `LOG_SIGNATURE` or `COSIGNATURE`; `public` 32 raw bytes."""

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        if not _is_name(self.name) or self.kind not in (LOG_SIGNATURE, COSIGNATURE) or len(self.public) != PUBLIC_BYTES:
            raise _bad_key()

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ kind ‖ public key)."""
        return key_id(self.name, self.kind, self.public)

    @property
    def vkey(self) -> str:
        """`name+id+key`, the form in which keys of notes are handed around."""
        material = base64.b64encode(bytes([self.kind]) + self.public).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{material}"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key one trusts, with the function that checks its signatures.

    A retired witness's key has an end: cosignatures dated before `until` (POSIX seconds) over at most `size_max` leaves count,
    any other of its lines is as if it were not there.
    """

    key: NoteKey
    verify: Verify
    until: int | None = None
    size_max: int | None = None


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that held.  `at` is the POSIX time of a cosignature, None for the log's own signature."""

    name: str
    kind: int
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note of which at least one known key's signature held and none failed."""

    body: str
    signed: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint's body says.  Nothing is proven by having one."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head under the log's own signature; made by `open_checkpoint` only.  `cosigned` in the order of the lines."""

    origin: str
    size: int
    root: bytes
    cosigned: tuple[Signed, ...] = ()


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """signed-note: four bytes that tell keys apart; a hint, never a proof."""
    return sha256(name.encode("utf-8") + b"\n" + bytes([kind]) + public).digest()[:KEY_ID_BYTES]


def decode_vkey(text: str) -> NoteKey:
    """Raises `transferlog.bad_key` for another form, kind or length, or an id that is not the key's."""
    name, _, rest = text.partition("+")
    shown_id, _, material = rest.partition("+")
    raw = unbase64(material)
    if raw is None or len(raw) != 1 + PUBLIC_BYTES:
        raise _bad_key()
    key = NoteKey(name, raw[0], raw[1:])
    if key.id.hex() != shown_id:
        raise _bad_key()
    return key


def write_checkpoint(origin: str, size: int, root: bytes) -> str:
    """The body to sign: three lines, no extension."""
    assert _is_name(origin)
    assert 0 <= size <= SIZE_MAX
    return f"{origin}\n{size}\n{base64.b64encode(root).decode('ascii')}\n"


def parse_checkpoint(body: str) -> TreeHead:
    """Raises `transferlog.bad_checkpoint`."""
    lines = body.split("\n")
    if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
        raise _bad_checkpoint("a checkpoint has at least three lines and no empty one")
    size, root = parse_decimal(lines[1]), unbase64(lines[2])
    if size is None or root is None or len(root) != 32:
        raise _bad_checkpoint("size or root is not in its one form")
    return TreeHead(lines[0], size, root, tuple(lines[3:-1]))


def sign_note(body: str, name: str, key_id: bytes, sign: Sign) -> str:
    """The note with its first signature."""
    assert body.endswith("\n")
    return f"{body}\n{_line(name, key_id, sign(body.encode('utf-8')))}"


def cosign(body: str, name: str, key_id: bytes, at: int, sign: Sign) -> str:
    """A witness's line, to be put after a note's last line; `at` is POSIX seconds."""
    assert 0 <= at <= SIZE_MAX
    return _line(name, key_id, at.to_bytes(8, "big") + sign(_cosigned_message(body, at)))


def open_note(text: str, verifiers: Sequence[Verifier]) -> Note:
    """Check form and every signature of a known key.

    Raises `transferlog.bad_note` (form), `transferlog.bad_signature` (a known key's line does not hold) or
    `transferlog.unknown_signer` (no line of a known key).
    """
    body, lines = split_note(text)
    known = {(verifier.key.name, verifier.key.id): verifier for verifier in verifiers if _reaches(verifier, body)}
    signed: dict[tuple[str, bytes], Signed] = {}
    for line in lines:
        name, raw = _parse_line(line)
        key = (name, raw[:KEY_ID_BYTES])
        if key in known:
            found = _check(body, raw[KEY_ID_BYTES:], known[key])
            if _in_time(known[key], found):
                signed.setdefault(key, found)
    if not signed:
        raise TransferLogError(
            "transferlog.unknown_signer", "检查点上没有可信密钥的签名", "no signature on the checkpoint is by a trusted key"
        )
    return Note(body, tuple(signed.values()))


def open_checkpoint(text: str, verifiers: Sequence[Verifier], *, cosigners_min: int = 0) -> Checkpoint:
    """A note that the log itself signed (its key's name is the origin), with at least so many different cosigners.

    Raises what `open_note` and `parse_checkpoint` raise, and `transferlog.not_final` for too few cosigners.
    """
    note = open_note(text, verifiers)
    head = parse_checkpoint(note.body)
    if Signed(head.origin, LOG_SIGNATURE) not in note.signed:
        raise TransferLogError("transferlog.unknown_signer", "检查点没有日志自己的签名", "the checkpoint lacks the log's own signature")
    cosigned = tuple(signed for signed in note.signed if signed.kind == COSIGNATURE)
    if len({signed.name for signed in cosigned}) < cosigners_min:
        raise TransferLogError(
            "transferlog.not_final", "见证签名不足,尚未终局", "too few witnesses have cosigned: not yet final", cosigners_min=cosigners_min
        )
    return Checkpoint(head.origin, head.size, head.root, cosigned)


def split_note(text: str) -> tuple[str, list[str]]:
    """Body (with its last newline) and signature lines, nothing verified.  Raises `transferlog.bad_note`."""
    body, gap, tail = text.rpartition("\n\n")
    lines = tail.split("\n")
    if len(text) > NOTE_BYTES_MAX or any(char < " " and char != "\n" for char in text) or not _is_utf8(text):
        raise _bad_note("too long, or characters a note may not have")
    if not gap or not body or lines.pop() or not lines or len(lines) > SIGNATURES_MAX:
        raise _bad_note("a note is a text, an empty line and signature lines")
    return body + "\n", lines


def parse_decimal(text: str) -> int | None:
    """ASCII digits without leading zeroes, below 2^63; None for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or (text[0] == "0" and text != "0"):
        return None
    value = int(text)
    return value if value <= SIZE_MAX else None


def _check(body: str, signature: bytes, verifier: Verifier) -> Signed:
    key = verifier.key
    at = None
    message = body.encode("utf-8")
    if key.kind == COSIGNATURE:
        at, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        message = _cosigned_message(body, at)
    if len(signature) != SIGNATURE_BYTES or (at or 0) > SIZE_MAX or not verifier.verify(key.public, signature, message):
        raise TransferLogError(
            "transferlog.bad_signature", "检查点签名不成立", "a signature on the checkpoint does not hold", signer=key.name
        )
    return Signed(key.name, key.kind, at)


def _reaches(verifier: Verifier, body: str) -> bool:
    """Whether the note is about a size that this key could still cosign."""
    return verifier.size_max is None or parse_checkpoint(body).size <= verifier.size_max


def _in_time(verifier: Verifier, signed: Signed) -> bool:
    return verifier.until is None or (signed.at is not None and signed.at < verifier.until)


def _cosigned_message(body: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{body}".encode()


def _line(name: str, key_id: bytes, signature: bytes) -> str:
    assert _is_name(name)
    assert len(key_id) == KEY_ID_BYTES
    return f"{DASH}{name} {base64.b64encode(key_id + signature).decode('ascii')}\n"


def _parse_line(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(DASH).partition(" ")
    raw = unbase64(encoded)
    if not line.startswith(DASH) or not _is_name(name) or raw is None or len(raw) <= KEY_ID_BYTES:
        raise _bad_note("a signature line has another form")
    return name, raw


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(char.isspace() or char < " " for char in name)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def unbase64(text: str) -> bytes | None:
    """Standard base64 (RFC 4648 section 4) in its one spelling; None for anything else."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return raw if base64.b64encode(raw).decode("ascii") == text else None


def _bad_key() -> TransferLogError:
    return TransferLogError("transferlog.bad_key", "验签公钥格式不符", "not the verifier key of a note")


def _bad_note(reason: str) -> TransferLogError:
    return TransferLogError("transferlog.bad_note", "不是签名文本", "not a signed note", reason=reason)


def _bad_checkpoint(reason: str) -> TransferLogError:
    return TransferLogError("transferlog.bad_checkpoint", "不是检查点", "not a checkpoint", reason=reason)
