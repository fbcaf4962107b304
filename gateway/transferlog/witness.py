"""The witness protocol as text and rules, both ends: C2SP tlog-witness, `add-checkpoint`.

A log offers a checkpoint with the size it believes the witness holds and a consistency proof from there.  The witness
cosigns only what extends the head it holds; it answers 409 with its own size where the two disagree.  All is pure:
whoever keeps the head must have it on disk before the answer leaves (`Extends`), and must judge and keep as one step.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.errors import TransferLogError
from gateway.transferlog import merkle
from gateway.transferlog.checkpoint import (
    NOTE_BYTES_MAX,
    Checkpoint,
    Signed,
    Verifier,
    open_checkpoint,
    open_note,
    parse_decimal,
    split_note,
    unbase64,
)

OK: Final = 200
MALFORMED: Final = 400
UNKNOWN_KEY: Final = 403
OTHER_LOG: Final = 404
CONFLICT: Final = 409
BAD_PROOF: Final = 422
SIZE_MEDIA: Final = "text/x.tlog.size"
HASHES_MAX: Final = 63
REQUEST_CHARS_MAX: Final = NOTE_BYTES_MAX + 4 * 1024
ANSWER_CHARS_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Offer:
    """An `add-checkpoint` request as read; nothing in it is verified.  `old` is the size that the log thinks the witness holds."""

    old: int
    proof: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Head:
    """What a witness cosigned last."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Extends:
    """The offer holds and extends what is held: keep `checkpoint` durably, then cosign `body`.  `note` is it under the log's key alone."""

    checkpoint: Checkpoint
    body: str
    note: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to an offer that is not cosigned; `code` says why, `held` is told with 409."""

    status: int
    code: str
    held: int | None = None
    conflict: bool = False
    """Two heads of one size with different roots, or a history that does not extend the one held: evidence against the log."""

    @property
    def text(self) -> str:
        return f"{self.held}\n" if self.held is not None else f"{self.code}\n"


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Answer 200: the witness's line, which holds for the note that was offered."""

    line: str
    at: int


@dataclass(frozen=True, slots=True)
class Holds:
    """Answer 409: the witness holds a head of this size."""

    size: int


@dataclass(frozen=True, slots=True)
class Declined:
    """Any other answer.  `off_protocol`: it is none that the protocol knows, or its signature does not hold."""

    status: int
    off_protocol: bool = False


Answer: TypeAlias = Cosigned | Holds | Declined


def write_offer(old: int, proof: Sequence[bytes], note: str) -> str:
    """The request's body."""
    lines = [f"old {old}", *(base64.b64encode(node).decode("ascii") for node in proof)]
    return "\n".join(lines) + "\n\n" + note


def parse_offer(text: str) -> Offer:
    """Raises `transferlog.bad_offer` for any other form."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    word, _, number = lines.pop(0).partition(" ")
    old = parse_decimal(number)
    proof = tuple(node for node in map(unbase64, lines) if node is not None and len(node) == merkle.HASH_BYTES)
    if len(text) > REQUEST_CHARS_MAX or not gap or word != "old" or old is None or len(proof) != len(lines) or len(proof) > HASHES_MAX:
        raise TransferLogError("transferlog.bad_offer", "不是提请见证的请求", "not a request to witness a checkpoint")
    return Offer(old, proof, note)


def judge(text: str, held: Head | None, log: Verifier) -> Extends | Refused:
    """What a witness that holds `held` answers to a request's body.  `log` is the one log it knows, by key and origin.

    Order: form (400), origin (404), signature (403), sizes (400, 409), roots and proof (409, 422).
    """
    try:
        offer = parse_offer(text)
        checkpoint = open_checkpoint(offer.note, [log])
    except TransferLogError as error:
        return Refused(_status(text, error.code, log), error.code)
    if offer.old > checkpoint.size:
        return Refused(MALFORMED, "transferlog.bad_offer")
    last = held or Head(0, merkle.EMPTY_ROOT)
    if offer.old != last.size:
        return Refused(CONFLICT, "transferlog.rolled_back" if checkpoint.size < last.size else "transferlog.other_size", last.size)
    if checkpoint.size == last.size and checkpoint.root != last.root:
        return Refused(CONFLICT, "transferlog.split_view", last.size, conflict=True)
    try:
        merkle.verify_consistency(last.size, checkpoint.size, last.root, checkpoint.root, offer.proof)
    except TransferLogError as error:
        return Refused(BAD_PROOF, error.code, conflict=True)
    body, lines = split_note(offer.note)
    own = next(line for line in lines if _is_by(body, line, log))
    return Extends(checkpoint, body, f"{body}\n{own}\n")


def parse_answer(status: int, text: str, note: str, witness: Verifier) -> Answer:
    """A witness's answer to the offer of `note`, whatever it sent.  A line counts only if it is this witness's own and holds."""
    if status == OK:
        return _cosigned(text, note, witness)
    size = parse_decimal(text.removesuffix("\n")) if status == CONFLICT and len(text) <= ANSWER_CHARS_MAX else None
    if size is not None:
        return Holds(size)
    return Declined(status, off_protocol=status == CONFLICT or not 400 <= status < 600)


def _cosigned(text: str, note: str, witness: Verifier) -> Answer:
    for line in text.splitlines(keepends=True) if len(text) <= ANSWER_CHARS_MAX else ():
        try:
            signed = open_note(note + line, [witness]).signed
        except TransferLogError:
            continue
        match signed:
            case (Signed(at=int(at)),):
                return Cosigned(line, at)
    return Declined(OK, off_protocol=True)


def _is_by(body: str, line: str, log: Verifier) -> bool:
    try:
        return bool(open_note(f"{body}\n{line}\n", [log]).signed)
    except TransferLogError:
        return False


def _status(text: str, code: str, log: Verifier) -> int:
    """A note by another key is unknown, of another origin is another log; all else is malformed."""
    if code != "transferlog.unknown_signer":
        return UNKNOWN_KEY if code == "transferlog.bad_signature" else MALFORMED
    return UNKNOWN_KEY if text.partition("\n\n")[2].partition("\n")[0] == log.key.name else OTHER_LOG
