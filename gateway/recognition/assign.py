"""The best set of applications: most credits under every cap; of equal ones the better grades; then the first records.

No course is filled twice, no record is used twice, of a group and of several attempts at one course only one counts.  Records are
taken one after another; what is kept between them is, for each set of courses (groups, attempts, records) already taken that still
matters, the credits reached.  Where no cap of a kind or category can bind that is one number; where some can, it is one number for
each crossing of them, and every combination that no other beats is kept.  So the result is exact as long as the work stays under
`STEPS_MAX`; past it only the best so far is carried on, and the choice says `exact=False`.  No cap is ever exceeded either way.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import attrgetter, ge, or_
from typing import Final, NamedTuple, TypeAlias

from gateway.recognition.candidates import Application, Part, by_first_record
from gateway.recognition.facts import Facts
from gateway.recognition.limits import Cell, Limits
from gateway.recognition.words import Mills

STEPS_MAX: Final = 20_000
"""States made for one learner before the search stops being exhaustive; some tens of milliseconds."""
Token: TypeAlias = tuple[str, ...]
"""Something that can be taken once: a course, a group, an attempt, a record."""


class Choice(NamedTuple):
    """`given` has an entry for each part of each chosen application: what the caps left of it."""

    applications: tuple[Application, ...]
    given: tuple[tuple[Part, Mills], ...]
    limits: Limits
    exact: bool


class _State(NamedTuple):
    """Credits by cell (each at most what its caps allow), the tie-breakers, and how it came about."""

    amounts: tuple[Mills, ...]
    grade: int
    courses: int
    last: "tuple[Application, tuple[object, ...] | None] | None"


class _Move(NamedTuple):
    """An application with what it takes, as bits, and what it adds to each cell."""

    application: Application
    mask: int
    adds: tuple[Mills, ...]
    courses: int


class _Bundle(NamedTuple):
    """Applications of records that stand together.  `one`: all of them want the very same, so that only one can be had."""

    applications: list[int]
    one: bool


def choose(applications: Sequence[Application], facts: Sequence[Facts], limits: Limits) -> Choice:
    """Pick the best applications and fit them under the caps."""
    if len(applications) < 2:
        return Choice(tuple(applications), fit(applications, facts, limits), limits, True)
    taken = [tuple(tokens(application, facts)) for application in applications]
    rivals = _shared(applications, taken)
    roomy = limits.room() >= sum([application.credits for application in applications])
    binding = Limits(limits.total, {}, {})
    if rivals:
        bundles = _bundles(applications, _masks(taken, rivals))
        if roomy or _cannot_bind(applications, facts, limits, bundles):
            chosen, exact = _apart(applications, facts, binding, taken, rivals, bundles)
            return Choice(tuple(chosen), fit(chosen, facts, binding), binding, exact)
    if not roomy:
        binding = limits.binding(_reach(by_first_record(applications).values(), facts))
    if rivals or binding.kinds or binding.categories:
        chosen, exact = _search(applications, facts, binding, taken, rivals)
    else:
        chosen, exact = [_favourite(mine) for _, mine in sorted(by_first_record(applications).items())], True
    return Choice(tuple(chosen), fit(chosen, facts, binding), binding, exact)


def _cannot_bind(applications: Sequence[Application], facts: Sequence[Facts], limits: Limits, bundles: Sequence[_Bundle]) -> bool:
    """Whether everything fits under every cap, whatever is chosen."""
    rivalling: list[Iterable[Application]] = []
    for bundle in bundles:
        mine = [applications[place] for place in bundle.applications]
        rivalling += [mine] if bundle.one else by_first_record(mine).values()
    reach = _reach(rivalling, facts)
    binding = limits.binding(reach)
    return not binding.kinds and not binding.categories and sum(reach.values()) <= limits.total


def _apart(
    applications: Sequence[Application],
    facts: Sequence[Facts],
    limits: Limits,
    taken: Sequence[tuple[Token, ...]],
    rivals: Sequence[Token],
    bundles: Sequence[_Bundle],
) -> tuple[list[Application], bool]:
    """What the search would choose where no cap can bind: then one bundle is nothing to another, and the search is left with those
    of which more than one application can be had.
    """
    chosen = [_favourite([applications[place] for place in bundle.applications]) for bundle in bundles if bundle.one]
    exact = True
    left = sorted([place for bundle in bundles if not bundle.one for place in bundle.applications])
    if left:
        found, exact = _search([applications[place] for place in left], facts, limits, [taken[place] for place in left], rivals)
        chosen += found
    return sorted(chosen, key=attrgetter("records")), exact


def _bundles(applications: Sequence[Application], masks: Sequence[int]) -> list[_Bundle]:
    if masks[0] and len(set(masks)) == 1:
        return [_Bundle(list(range(len(masks))), True)]
    places: dict[int, list[int]] = {}
    for place, application in enumerate(applications):
        places.setdefault(application.records[0], []).append(place)
    bundles = []
    for group in _side_by_side({record: [masks[place] for place in mine] for record, mine in places.items()}):
        mine = [place for record in group for place in places[record]]
        bundles.append(_Bundle(mine, all(masks[place] == masks[mine[0]] for place in mine)))
    return bundles


def _masks(taken: Sequence[tuple[Token, ...]], rivals: Sequence[Token]) -> list[int]:
    """What each application takes of what others want too, as bits."""
    bits = {token: 1 << place for place, token in enumerate(rivals)}
    return [sum([bits[token] for token in mine if token in bits]) for mine in taken]


def _favourite(mine: Sequence[Application]) -> Application:
    """What one record does when nothing else is in its way: as the search would choose."""
    best = mine[0]
    for other in mine[1:]:
        if (other.credits, other.grade, _width(other)) > (best.credits, best.grade, _width(best)):
            best = other
    return best


def _width(application: Application) -> int:
    return len({part.course.code for part in application.parts})


def tokens(application: Application, facts: Sequence[Facts]) -> Iterable[Token]:
    """What nobody else can have once this application is chosen."""
    parts = application.parts
    yield from {("course", part.course.code) for part in parts} if len(parts) > 1 else (("course", parts[0].course.code),)
    if application.rule.group:
        yield ("group", application.rule.group)
    for record in application.records:
        yield ("record", *facts[record].key)
        if facts[record].retake:
            yield ("attempt", *facts[record].retake)


def _reach(groups: Iterable[Iterable[Application]], facts: Sequence[Facts]) -> Mapping[Cell, Mills]:
    """The most each kind and category could get if nothing stood in the way but that of each group only one can be had."""
    reach: dict[Cell, Mills] = {}
    for group in groups:
        mine: dict[Cell, Mills] = {}
        for application in group:
            for cell, amount in _cells(application, facts).items():
                mine[cell] = max(mine.get(cell, 0), amount)
        for cell, amount in mine.items():
            reach[cell] = reach.get(cell, 0) + amount
    return reach


def _cells(application: Application, facts: Sequence[Facts]) -> dict[Cell, Mills]:
    found: dict[Cell, Mills] = {}
    for part in application.parts:
        cell = facts[part.record].kind, part.course.category
        found[cell] = found.get(cell, 0) + part.amount
    return found


def _search(
    applications: Sequence[Application], facts: Sequence[Facts], limits: Limits, taken: Sequence[tuple[Token, ...]], rivals: Sequence[Token]
) -> tuple[list[Application], bool]:
    cells = sorted({limits.cell(*cell) for application in applications for cell in _cells(application, facts)})
    ceilings = tuple(
        min(limits.total, limits.kinds.get(kind, limits.total), limits.categories.get(name, limits.total)) for kind, name in cells
    )
    moves, order, live = _moves(applications, facts, limits, cells, taken, rivals)
    states: dict[int, list[_State]] = {0: [_State((0,) * len(cells), 0, 0, None)]}
    work, exact = 0, True
    for place, record in enumerate(order):
        cost = sum(len(front) ** (1 if len(cells) == 1 else 2) for front in states.values()) * (1 + len(moves[record]))
        if work + cost > STEPS_MAX and (len(states) > 1 or any(len(front) > 1 for front in states.values())):
            exact = False
            mask, best = _best(states, cells, limits)
            states = {mask: [best]}
        work += cost
        after: dict[int, list[_State]] = {}
        for mask, front in states.items():
            # Taking comes before leaving: of equal states the first found stays, and it is the one with the earlier records.
            for move in moves[record]:
                if mask & move.mask:
                    continue
                kept = after.setdefault((mask | move.mask) & live[place], [])
                for state in front:
                    _keep(kept, _with(state, move, ceilings))
            for state in front:
                _keep(after.setdefault(mask & live[place], []), state)
        states = after
    return _unwind(_best(states, cells, limits)[1]), exact


def _with(state: _State, move: _Move, ceilings: tuple[Mills, ...]) -> _State:
    amounts = tuple(min(have + more, most) for have, more, most in zip(state.amounts, move.adds, ceilings, strict=True))
    return _State(amounts, state.grade + move.application.grade, state.courses + move.courses, (move.application, state.last))


def _keep(front: list[_State], new: _State) -> None:
    """Add a state unless one that is at least as good stands there; drop those that it beats.  Of equal ones the first stays."""
    if len(new.amounts) == 1:
        if not front:
            front.append(new)
        elif new[:3] > front[0][:3]:
            front[0] = new
        return
    for old in front:
        if _beats(old, new):
            return
    front[:] = [old for old in front if not _beats(new, old)]
    front.append(new)


def _beats(one: _State, other: _State) -> bool:
    if one.amounts == other.amounts:
        return (one.grade, one.courses) >= (other.grade, other.courses)
    return all(map(ge, one.amounts, other.amounts))


def _best(states: Mapping[int, list[_State]], cells: list[Cell], limits: Limits) -> tuple[int, _State]:
    """The state with the most credits under all caps together; of equal ones the better grades, then the first."""
    best: tuple[tuple[Mills, int, int], int, _State] | None = None
    for mask, front in states.items():
        for state in front:
            worth = limits.most(dict(zip(cells, state.amounts, strict=True))), state.grade, state.courses
            if best is None or worth > best[0]:
                best = worth, mask, state
    assert best is not None
    return best[1], best[2]


def _unwind(state: _State) -> list[Application]:
    chosen: list[Application] = []
    link: object = state.last
    while isinstance(link, tuple):
        application, link = link
        chosen.append(application)
    return chosen[::-1]


def _shared(applications: Sequence[Application], taken: Sequence[tuple[Token, ...]]) -> list[Token]:
    """What applications of different records both want, sorted."""
    owner: dict[Token, int] = {}
    shared = set()
    for application, mine in zip(applications, taken, strict=True):
        for token in mine:
            if owner.setdefault(token, application.records[0]) != application.records[0]:
                shared.add(token)
    return sorted(shared)


def _moves(
    applications: Sequence[Application],
    facts: Sequence[Facts],
    limits: Limits,
    cells: list[Cell],
    taken: Sequence[tuple[Token, ...]],
    rivals: Sequence[Token],
) -> tuple[Mapping[int, list[_Move]], list[int], list[int]]:
    """Moves by first record; the order of records, those that compete side by side; and which bits still matter after each."""
    moves: dict[int, list[_Move]] = {}
    for application, mask in zip(applications, _masks(taken, rivals), strict=True):
        adds = [0] * len(cells)
        for cell, amount in _cells(application, facts).items():
            adds[cells.index(limits.cell(*cell))] += amount
        moves.setdefault(application.records[0], []).append(_Move(application, mask, tuple(adds), _width(application)))
    groups = _side_by_side({record: [move.mask for move in found] for record, found in moves.items()})
    order = [record for group in groups for record in group]
    live, later = [0] * len(order), 0
    for place in range(len(order) - 1, -1, -1):
        live[place] = later
        for move in moves[order[place]]:
            later |= move.mask
    return moves, order, live


def _side_by_side(masks: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """Records that share a bit, directly or through others, stand together; groups and their members in order of position."""
    left = {record: reduce(or_, found) for record, found in sorted(masks.items())}
    groups: list[list[int]] = []
    while left:
        first = next(iter(left))
        mask, members = left.pop(first), [first]
        grown = mask != 0
        while grown:
            joined = [record for record, bits in left.items() if bits & mask]
            grown = bool(joined)
            for record in joined:
                mask |= left.pop(record)
            members += joined
        groups.append(sorted(members))
    return groups


def fit(chosen: Sequence[Application], facts: Sequence[Facts], limits: Limits) -> tuple[tuple[Part, Mills], ...]:
    """What the caps leave of each part: the most credits in all; where something must go, the worse grade and the later record go first."""
    parts = [part for application in chosen for part in application.parts]
    if limits.room() >= sum([part.amount for part in parts]):
        return tuple([(part, part.amount) for part in parts])
    left: dict[Cell, Mills] = {}
    for part in parts:
        cell = _cell(part, facts, limits)
        left[cell] = left.get(cell, 0) + part.amount
    if limits.most(left) == sum(left.values()):
        return tuple((part, part.amount) for part in parts)
    given: dict[Part, Mills] = {}
    for part in sorted(parts, key=lambda part: (-facts[part.record].grade, part.record, part.course.code)):
        cell = _cell(part, facts, limits)
        goal = limits.most(left)
        left[cell] -= part.amount
        amount = min(part.amount, limits.most({cell: part.amount}))
        amount -= goal - (amount + _after(limits, cell, amount).most(left))
        given[part] = amount
        limits = _after(limits, cell, amount)
    return tuple((part, given[part]) for part in parts)


def _cell(part: Part, facts: Sequence[Facts], limits: Limits) -> Cell:
    return limits.cell(facts[part.record].kind, part.course.category)


def _after(limits: Limits, cell: Cell, amount: Mills) -> Limits:
    """The caps once so much is given in a cell."""
    kind, category = cell
    return Limits(
        limits.total - amount,
        {name: cap - (amount if name == kind else 0) for name, cap in limits.kinds.items()},
        {name: cap - (amount if name == category else 0) for name, cap in limits.categories.items()},
    )
