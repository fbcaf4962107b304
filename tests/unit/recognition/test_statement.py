"""Statements as values: months, sums, documents that only read as they were written."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway.errors import FormatError
from gateway.model.canonical import jcs
from gateway.model.transfer import ItemState
from gateway.recognition.statement import (
    LINE_OF,
    LISTED_MAX,
    Difference,
    StatedCase,
    StatedItem,
    Statement,
    against,
    bounds_of,
    figures_of,
    is_statement_scope,
    period_of,
    read_countersignature,
    read_differences,
    read_figures,
    scope_of,
    write_countersignature,
    write_differences,
)
from gateway.transfers.case import TOTAL_OF


def item(record: str, state: str, size: str | None, reason: str = "", awarded: str | None = None, points: str | None = None) -> StatedItem:
    return StatedItem(record, state, reason, size, awarded, points)


CASES = (
    StatedCase("a" * 64, "settled", 5, (item("r1", "recognised", "3.0", awarded="2.5"), item("r2", "refused", "2"))),
    StatedCase(
        "b" * 64,
        "posting",
        4,
        (
            item("r3", "claimed", "1.5"),
            item("r4", "closed", None, "not_convertible", points="20"),
            item("r5", "closed", "4", "outcome_taken"),
            item("r6", "recalled", "1", "revoked"),
            item("r7", "recalling", "0.5"),
        ),
    ),
)


def statement() -> Statement:
    return Statement.of("CN-31", "CN-32", "2026-11", 1, 77, "2026-12-01T00:00:00.000000Z", CASES)


def test_lines_when_compared_with_the_totals_of_a_leaf_then_the_same_for_each_state() -> None:
    assert LINE_OF == TOTAL_OF
    assert set(LINE_OF) == set(ItemState)


@pytest.mark.parametrize(
    ("moment", "month"),
    [("2026-10-31T16:00:00+00:00", "2026-11"), ("2026-11-30T15:59:59+00:00", "2026-11"), ("2026-12-31T16:00:00+00:00", "2027-01")],
)
def test_month_when_asked_at_its_edges_then_the_chinese_one(moment: str, month: str) -> None:
    at = datetime.fromisoformat(moment)
    assert period_of(at) == month
    first, after = bounds_of(month)
    assert first <= at < after
    assert first.tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "26-11", "2026-00", "", "2026-11-01"])
def test_month_when_it_has_another_form_then_refused(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        bounds_of(text)


def test_figures_when_summed_then_conserved_and_points_awarded_and_nulls_apart() -> None:
    found = figures_of(CASES)
    assert {name: (line.items, str(line.credits), line.uncounted) for name, line in found.lines.items()} == {
        "submitted": (7, "12.0", 1),
        "recognised": (2, "3.5", 0),
        "refused": (1, "2", 0),
        "closed": (3, "5", 1),
        "pending": (1, "1.5", 0),
    }
    assert {reason: line.items for reason, line in found.reasons.items()} == {"not_convertible": 1, "outcome_taken": 1, "recalled": 1}
    assert (found.awarded, found.points_items, found.points) == (Decimal("2.5"), 1, Decimal(20))
    assert read_figures(json.dumps(found.json())) == found


def test_document_when_read_then_what_was_written() -> None:
    written = statement().write()
    assert Statement.read(written) == statement()
    assert is_statement_scope(statement().scope)
    assert not is_statement_scope("a" * 64)
    assert statement().scope == scope_of("CN-31", "CN-32", "2026-11")


def test_document_when_there_are_too_many_items_then_figures_only() -> None:
    many = StatedCase("c" * 64, "settled", 1, (item("r", "claimed", "1"),) * (LISTED_MAX + 1))
    short = Statement.of("CN-31", "CN-32", "2026-11", 1, 1, "", (many,))
    assert short.cases is None
    assert Statement.read(short.write()).figures == short.figures


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"period": "2026-14"},
        {"extra": 1},
        {"cases": [{}]},
        {"source": 3},
        {"figures": {}},
        {"cases": [{"transfer": "x", "state": "y", "ver": 1, "items": [["r", "gone", "", "1", None, None]]}]},
        {"cases": [{"transfer": "x", "state": "y", "ver": 1, "items": [["r", "claimed", "", "-1", None, None]]}]},
    ],
)
def test_document_when_anything_is_otherwise_then_refused(change: dict[str, object]) -> None:
    with pytest.raises(FormatError) as raised:
        Statement.read(jcs(json.loads(statement().write()) | change))
    assert raised.value.code == "format.statement"


def test_words_when_read_then_what_was_written_and_with_the_statement_beside_them() -> None:
    word = read_countersignature(write_countersignature("d" * 64, 2))
    assert (word.sd, word.revision, word.items) == ("d" * 64, 2, ())
    differing = (Difference("a" * 64, "r1", "refused", "3.0"), Difference("f" * 64, "", "", None))
    read = read_differences(write_differences("d" * 64, 2, differing))
    assert read.items == differing
    beside = against(statement().cases or (), read.items)
    assert beside[0] == Difference("a" * 64, "r1", "refused", "3.0", "recognised", "3.0")
    assert beside[1] == differing[1]


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b'{"v":1}', write_differences("d" * 64, 1, ()), write_differences("d" * 64, 1, [Difference("t", "r", "s", "1")] * 1001)],
)
def test_words_when_they_have_another_form_then_refused(content: bytes) -> None:
    for read in (read_countersignature, read_differences):
        with pytest.raises(FormatError) as raised:
            read(content)
        assert raised.value.code == "format.statement"
