"""No hidden cell follows from what is shown, whatever the table."""

import random
from itertools import product

import pytest

from gateway.transfers.suppression import Cell, Line, determined, hidden_cells

K = 5


def table(counts: dict[tuple[str, str], int]) -> tuple[dict[Cell, int], list[Line]]:
    """A matrix with its margins and its grand total."""
    cells: dict[Cell, int] = dict(counts)
    rows, columns = (sorted({key[at] for key in counts}) for at in (0, 1))
    lines: list[Line] = [((row, "*"), tuple((row, column) for column in columns)) for row in rows]
    lines += [(("*", column), tuple((row, column) for row in rows)) for column in columns]
    lines.append((("*", "*"), tuple(product(rows, columns))))
    for total, parts in lines:
        cells[total] = sum(counts[part[0], part[1]] for part in parts)
    return cells, lines


def test_small_cell_when_alone_in_row_and_column_then_others_are_hidden_with_it() -> None:
    cells, lines = table(dict.fromkeys(product("abc", "xyz"), 40) | {("a", "x"): 2})
    hidden = hidden_cells(cells, lines, K)
    assert ("a", "x") in hidden
    assert len(hidden) == 4  # a rectangle: each row and each column hides two
    assert determined(hidden, lines) == frozenset()


def test_tables_when_drawn_then_no_hidden_cell_follows_from_the_sums_and_no_sum_hides_less_than_k() -> None:
    chance = random.Random(5)
    for _ in range(40):
        counts = {(row, column): chance.choice((0, 0, 1, 2, 4, 5, 9, 60)) for row, column in product("abcd", "wxyz")}
        cells, lines = table(counts)
        hidden = hidden_cells(cells, lines, K)
        assert {cell for cell, n in cells.items() if 0 < n < K} <= hidden
        assert determined(hidden, lines) == frozenset()
        for total, parts in lines:
            covered = [cells[part] for part in parts if part in hidden]
            assert total in hidden or not covered or (len(covered) > 1 and sum(covered) >= K), (counts, total)


def test_two_rectangles_when_joined_by_one_cell_then_that_cell_is_found_determined() -> None:
    hidden = {(row, column) for row, column in product("ab", "wx")} | {(row, column) for row, column in product("cd", "yz")} | {("b", "y")}
    _, lines = table(dict.fromkeys(product("abcd", "wxyz"), 9))
    assert determined(hidden, lines) == frozenset({("b", "y")})


def test_table_when_no_cell_is_small_then_nothing_is_hidden() -> None:
    cells, lines = table({(row, column): n for (row, column), n in zip(product("ab", "xy"), (0, 5, 9, 70), strict=True)})
    assert hidden_cells(cells, lines, K) == frozenset()


def test_table_when_its_total_is_wrong_or_the_threshold_senseless_then_refused() -> None:
    cells, lines = table({("a", "x"): 9})
    with pytest.raises(ValueError, match="sum of its cells"):
        hidden_cells(cells | {("*", "*"): 8}, lines, K)
    with pytest.raises(ValueError, match="threshold"):
        hidden_cells(cells, lines, 1)
