"""Small cells of a table of counts are hidden, and as many others as it takes that no total gives one back.

A count from 1 to k-1 is hidden (0 is not: it is nobody).  Then, as long as the sums that the table itself shows would determine a
hidden cell (linear algebra over whole fractions, so also across rows and columns), or what is hidden in one sum comes to less than
k, the smallest shown cell of that sum is hidden too, the sum itself last.  What remains possible is to bound a hidden cell by
inequalities; a table is not noise.
Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Final, TypeAlias

Cell: TypeAlias = tuple[str, ...]
Line: TypeAlias = tuple[Cell, tuple[Cell, ...]]
"""A total and the cells whose sum it is."""
K_MIN: Final = 2


def hidden_cells(cells: Mapping[Cell, int], lines: Sequence[Line], k: int) -> frozenset[Cell]:
    """The cells not to be shown.  Each line's cells must add up to its total; raises ValueError otherwise, and for a k below 2."""
    if k < K_MIN:
        raise ValueError("a threshold below two hides nothing")
    for total, parts in lines:
        if cells[total] != sum(cells[part] for part in parts):
            raise ValueError("a total is not the sum of its cells")
    hidden = {cell for cell, n in cells.items() if 0 < n < k}
    while (more := _next(cells, lines, k, hidden)) is not None:
        hidden.add(more)
    return frozenset(hidden)


def _next(cells: Mapping[Cell, int], lines: Sequence[Line], k: int, hidden: set[Cell]) -> Cell | None:
    """One more cell to hide, or None when all is well or nothing is left to hide."""

    def smallest(found: Iterable[Cell]) -> Cell | None:
        return min((cell for cell in found if cell not in hidden and cells[cell]), key=lambda cell: (cells[cell], cell), default=None)

    for total, parts in lines:
        covered = [part for part in parts if part in hidden]
        if total not in hidden and covered and (len(covered) == 1 or sum(cells[part] for part in covered) < k):
            return smallest(parts) or total
    known = determined(hidden, lines)
    if not known:
        return None
    near = [line for line in lines if known & {line[0], *line[1]}]
    return smallest(part for _, parts in near for part in parts) or smallest(cells)


def determined(hidden: Iterable[Cell], lines: Sequence[Line]) -> frozenset[Cell]:
    """The hidden cells that follow from what is shown."""
    names = sorted(hidden)
    place = {cell: at for at, cell in enumerate(names)}
    rows = []
    for total, parts in lines:
        row = [Fraction(0)] * len(names)
        for cell, sign in ((total, -1), *((part, 1) for part in parts)):
            if cell in place:
                row[place[cell]] += sign
        if any(row):
            rows.append(row)
    _reduce(rows)
    single = ([at for at, value in enumerate(row) if value] for row in rows)
    return frozenset(names[at[0]] for at in single if len(at) == 1)


def _reduce(rows: list[list[Fraction]]) -> None:
    """To reduced row echelon form, in place."""
    lead = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((at for at in range(lead, len(rows)) if rows[at][column]), None)
        if pivot is None:
            continue
        rows[lead], rows[pivot] = rows[pivot], rows[lead]
        first = rows[lead][column]
        rows[lead] = [value / first for value in rows[lead]]
        for at, row in enumerate(rows):
            if at != lead and row[column]:
                factor = row[column]
                rows[at] = [value - factor * other for value, other in zip(row, rows[lead], strict=True)]
        lead += 1
