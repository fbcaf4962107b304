"""The form of state digests and of answers to them: ranges, bounds, and what is not of the form."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FormatError
from gateway.federation.claims import SEQ_MAX
from gateway.federation.state_digest import (
    ITEMS_MAX,
    NUMBERS_MAX,
    RANGES_MAX,
    TRANSFERS_MAX,
    Received,
    Sent,
    StateAnswer,
    StateDigest,
    TransferState,
    is_state_scope,
    numbers_in,
    ranges_of,
    read_ranges,
    scope_of,
    within,
)

CASE = TransferState("ab" * 32, "settled", 7, (("SHC1", "recognised", "3.0"), ("SHC2", "refused", None)))
DIGEST = StateDigest(
    "CN-31", 17, 1234, "origin\n1234\nroot\n", Sent(10, 25, ((24, 24),), ((12, 13),), ((3, 3),)), Received(9, ((4, 5),), ((7, 7),)),
    (CASE,), more=True,
)  # fmt: skip
ANSWER = StateAnswer(((11, 11),), 4, 9, ((8, 9),), ((2, 2),), ((5, 5),), (TransferState("cd" * 32, "", 0),))


@given(st.sets(st.integers(1, 400)))
def test_ranges_when_made_of_numbers_then_hold_exactly_those(numbers: set[int]) -> None:
    ranges = ranges_of(numbers)
    assert list(numbers_in(ranges)) == sorted(numbers)
    assert read_ranges(json.loads(json.dumps(ranges))) == ranges
    assert {number for number in range(402) if within(ranges, number)} == numbers
    assert all(later - before > 1 for (_, before), (later, _) in itertools.pairwise(ranges))


def test_numbers_when_a_range_is_endless_then_are_bounded() -> None:
    assert list(numbers_in(((1, SEQ_MAX),), 3)) == [1, 2, 3]
    assert list(numbers_in(((1, 2), (7, SEQ_MAX)), 4)) == [1, 2, 7, 8]
    assert len(Sent(0, SEQ_MAX).expected()) == NUMBERS_MAX


def test_sent_when_asked_what_must_be_there_then_spares_open_and_cancelled_and_adds_again() -> None:
    assert DIGEST.sent.expected() == [3, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25]


def test_documents_when_written_and_read_then_the_same() -> None:
    assert StateDigest.read(DIGEST.write()) == DIGEST
    assert StateAnswer.read(ANSWER.write()) == ANSWER
    assert StateAnswer.read(StateAnswer().write()) == StateAnswer()
    assert is_state_scope(scope_of("CN-31", 17))
    assert not is_state_scope(CASE.transfer)
    assert not is_state_scope(None)


WRONG: list[tuple[str, Any]] = [
    ("v", 2), ("lacks", None), ("lacks", [[2, 1]]), ("lacks", [[1, 2], [2, 3]]), ("lacks", [[3, 3], [1, 1]]), ("lacks", [[1]]),
    ("lacks", [[True, 2]]), ("lacks", [["1", "2"]]), ("lacks", [[1, 2**53]]), ("lacks", [[n, n] for n in range(0, 2 * RANGES_MAX + 2, 2)]),
    ("floor", -1), ("floor", "1"), ("sent", None), ("sent", 2**53), ("differs", {}), ("differs", [7]),
    ("differs", [{"transfer": "x", "state": "", "ver": 0, "items": []}]),
    ("differs", [{"transfer": "ab" * 32, "state": 1, "ver": 0, "items": []}]),
    ("differs", [{"transfer": "ab" * 32, "state": "", "ver": -1, "items": []}]),
    ("differs", [{"transfer": "ab" * 32, "state": "", "ver": 0, "items": [["r", "s"]]}]),
    ("differs", [{"transfer": "ab" * 32, "state": "", "ver": 0, "items": [["r", "s", 1]]}]),
    ("differs", [{"transfer": "ab" * 32, "state": "", "ver": 0, "items": [["r" * 257, "s", "1"]]}]),
    ("differs", [{"transfer": "ab" * 32, "state": "", "ver": 0, "items": []}] * (TRANSFERS_MAX + 1)),
    ("differs", [{"transfer": "ab" * 32, "state": "", "ver": 0, "items": [["r", "s", None]] * (ITEMS_MAX + 1)}]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_answer_when_a_member_has_not_its_form_then_is_refused(name: str, value: Any) -> None:
    body = {**json.loads(ANSWER.write()), name: value}
    with pytest.raises(FormatError):
        StateAnswer.read(json.dumps(body).encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"7", b'{"v":1}', b"\xff", b'{"v":1,"v":1}'])
def test_documents_when_they_are_something_else_then_refused(content: bytes) -> None:
    for kind in (StateDigest, StateAnswer):
        with pytest.raises(FormatError):
            kind.read(content)


@given(st.binary(max_size=200))
def test_documents_when_any_bytes_come_then_only_refused(content: bytes) -> None:
    for kind in (StateDigest, StateAnswer):
        with pytest.raises(FormatError):
            kind.read(content)


def test_digest_when_a_member_is_missing_then_refused() -> None:
    whole = json.loads(DIGEST.write())
    for name in whole.keys() - {"event"}:
        with pytest.raises(FormatError):
            StateDigest.read(json.dumps({key: value for key, value in whole.items() if key != name}).encode())
