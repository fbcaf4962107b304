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
    by_cell: dict[Cell, list[Line]] = {}
    for line in lines:
        for cell in (line[0], *line[1]):
            by_cell.setdefault(cell, []).append(line)
    while _cover(cells, lines, k, hidden) or _obscure(cells, by_cell, hidden, determined(hidden, lines)):
        pass
    return frozenset(hidden)


def _smallest(cells: Mapping[Cell, int], found: Iterable[Cell], hidden: set[Cell]) -> Cell | None:
    return min((cell for cell in found if cell not in hidden and cells[cell]), key=lambda cell: (cells[cell], cell), default=None)


def _cover(cells: Mapping[Cell, int], lines: Sequence[Line], k: int, hidden: set[Cell]) -> bool:
    """Hide more wherever what is hidden under a shown sum is one cell, or less than k.  Whether anything was."""
    before = len(hidden)
    for total, parts in lines:
        covered = [part for part in parts if part in hidden]
        while total not in hidden and covered and (len(covered) == 1 or sum(cells[part] for part in covered) < k):
            covered.append(_smallest(cells, parts, hidden) or total)
            hidden.add(covered[-1])
    return len(hidden) > before


def _obscure(cells: Mapping[Cell, int], by_cell: Mapping[Cell, list[Line]], hidden: set[Cell], known: frozenset[Cell]) -> bool:
    """For each cell that can be worked out one more cell of its sums, unless one of these was hidden just now.  Whether anything was."""
    new: set[Cell] = set()
    for cell in sorted(known):
        near = {part for line in by_cell[cell] for part in (line[0], *line[1])}
        if near.isdisjoint(new):
            more = _smallest(cells, (part for line in by_cell[cell] for part in line[1]), hidden) or _smallest(cells, cells, hidden)
            if more is not None:
                new.add(more)
                hidden.add(more)
    return bool(new)


def determined(hidden: Iterable[Cell], lines: Sequence[Line]) -> frozenset[Cell]:
    """The hidden cells that follow from what is shown."""
    inside = set(hidden)
    rows = []
    for total, parts in lines:
        row = {part: Fraction(1) for part in parts if part in inside}
        if total in inside:
            row[total] = row.get(total, Fraction(0)) - 1
        if row := {cell: value for cell, value in row.items() if value}:
            rows.append(row)
    return frozenset(next(iter(row)) for row in _reduced(rows) if len(row) == 1)


def _reduced(rows: Iterable[dict[Cell, Fraction]]) -> list[dict[Cell, Fraction]]:
    """To reduced row echelon form; rows hold only what is not zero, short ones are taken first, for they stay short."""
    done: dict[Cell, dict[Cell, Fraction]] = {}
    users: dict[Cell, set[Cell]] = {}
    for first in sorted(rows, key=len):
        row = dict(first)
        for cell in [cell for cell in row if cell in done]:
            _add(row, done[cell], -row[cell])
        if not row:
            continue
        pivot = min(row, key=lambda cell: (len(users.get(cell, ())), cell))
        lead = row[pivot]
        row = {cell: value / lead for cell, value in row.items()}
        for other in users.pop(pivot, set()):
            _add(done[other], row, -done[other][pivot])
            for cell in row.keys() - {pivot}:
                (users.setdefault(cell, set()).add if cell in done[other] else users.setdefault(cell, set()).discard)(other)
        done[pivot] = row
        for cell in row.keys() - {pivot}:
            users.setdefault(cell, set()).add(pivot)
    return list(done.values())


def _add(row: dict[Cell, Fraction], other: Mapping[Cell, Fraction], factor: Fraction) -> None:
    for cell, value in other.items():
        if sum_ := row.get(cell, Fraction(0)) + factor * value:
            row[cell] = sum_
        else:
            del row[cell]
