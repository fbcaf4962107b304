"""Finding entries: Chinese as written or nearly so, full or half width, English, ids, pinyin whole or by initials.

Every field of every entry stands in one long string a kind, parted by line ends, so that a query is a
handful of substring searches by the machine's own speed; where it was found tells the entry and how well
it fits.  The order is total (score, then length of title, table, id, version): the same catalogue and query
give the same answer.  Built once a catalogue; how Chinese is read aloud is given in, as `readings`.
"""

import unicodedata
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final

from gateway.errors import CatalogueError
from gateway.recognition.catalogue import (
    Catalogue,
    CertificateRelation,
    CourseDescription,
    Criterion,
    Dossier,
    Entry,
    StandardCourse,
    Table,
    why_not,
)
from gateway.recognition.catalogue_problems import words

QUERY_CHARS_MAX: Final = 64
TOKENS_MAX: Final = 6
LIMIT_MAX: Final = 200
SIMILAR_MIN: Final = 0.5
"""Share of a query's pairs of characters that must stand in a name that does not hold the query itself."""

Readings = Callable[[str], tuple[tuple[str, ...], ...]]
"""A title to its readings, each one syllable after the other."""
Ranked = tuple[int, int, str]
"""An entry's place in the index, its points, and the kind of field that fitted best."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Points for a value that is the query, begins with it, or holds it (0 = not told apart), and what to call it."""

    by: str
    whole: int
    start: int
    inside: int


ID_FIT: Final = Fit("id", 1000, 700, 300)
TITLE_FIT: Final = Fit("title", 900, 800, 600)
ALIAS_FIT: Final = Fit("alias", 850, 650, 500)
ENGLISH_FIT: Final = Fit("english", 580, 510, 350)
PINYIN_FIT: Final = Fit("pinyin", 560, 520, 420)
INITIALS_FIT: Final = Fit("initials", 540, 480, 380)
TEXT_FIT: Final = Fit("text", 0, 0, 100)
SIMILAR: Final = "similar"
_SIMILAR_POINTS: Final = 90


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found; `by` is the kind of field that fitted best."""

    table: Table
    entry: Entry
    score: int
    by: str


class SearchIndex:
    """Of one catalogue.  Reading it changes nothing, so any number of threads may."""

    def __init__(self, catalogue: Catalogue, readings: Readings) -> None:
        order = list(Table)
        self._entries = sorted(
            catalogue.entries(), key=lambda each: (len(each[1].title), order.index(each[0]), each[1].id, -each[1].version)
        )
        self._tiers = _tiers(_stacks([entry for _, entry in self._entries], readings))
        self._pairs = _pairs_index([entry for _, entry in self._entries])

    def __len__(self) -> int:
        return len(self._entries)

    def search(self, query: str, *, limit: int = 20, tables: Collection[Table] = (), day: date | None = None) -> tuple[Hit, ...]:
        """The best `limit` entries that fit every word of `query`; with `day`, only those that may be used then.

        Raises CatalogueError (`catalogue.bad_query`) for a query that is empty or too long, or a limit out of range.
        """
        tokens = [token for token in map(fold, query.split()) if token] if len(query) <= QUERY_CHARS_MAX else []
        if not 1 <= len(tokens) <= TOKENS_MAX or not 1 <= limit <= LIMIT_MAX:
            zh, en = words("catalogue.bad_query")
            raise CatalogueError("catalogue.bad_query", zh, en, chars_max=QUERY_CHARS_MAX, limit_max=LIMIT_MAX)
        ranked = self._ranked(tokens[0]) if len(tokens) == 1 else self._together(tokens)
        wanted = (each for each in ranked if self._wanted(each[0], tables, day))
        return tuple(Hit(*self._entries[index], points, by) for index, points, by in islice(wanted, limit))

    def _wanted(self, index: int, tables: Collection[Table], day: date | None) -> bool:
        table, entry = self._entries[index]
        return (not tables or table in tables) and (day is None or why_not(table, entry, day) is None)

    def _ranked(self, token: str) -> Iterator[Ranked]:
        """Entries that fit one word, best first.  Looks no further than it is asked."""
        seen: set[int] = set()
        for points, stack, look in self._tiers:
            for owner in look(stack, token):
                if owner not in seen:
                    seen.add(owner)
                    yield owner, points, stack.by
        if len(token) > 2 and not token.isascii():
            yield from self._similar(token, seen)

    def _together(self, tokens: Sequence[str]) -> Iterator[Ranked]:
        """Entries that fit every word, by the sum; called by their best field."""
        found = [{owner: (points, by) for owner, points, by in self._ranked(token)} for token in tokens]
        common = set(found[0]).intersection(*found[1:])
        summed = [(-sum(each[owner][0] for each in found), owner) for owner in common]
        for points, owner in sorted(summed):
            yield owner, -points, max(each[owner] for each in found)[1]

    def _similar(self, token: str, seen: set[int]) -> Iterator[Ranked]:
        wanted = set(_pairs(token))
        shared: Counter[int] = Counter()
        for pair in wanted:
            shared.update(self._pairs.get(pair, ()))
        near = [(-count, index) for index, count in shared.items() if count >= SIMILAR_MIN * len(wanted) and index not in seen]
        for count, index in sorted(near):
            yield index, _SIMILAR_POINTS * -count // len(wanted), SIMILAR


class _Stack:
    """Values of one kind, one a line, in the entries' order.  `marks` are where a syllable or word begins, if only they count."""

    def __init__(self, fit: Fit, values: Sequence[tuple[int, str, Sequence[int]]], *, latin: bool = False, marked: bool = False) -> None:
        self.by = fit.by
        self.fit = fit
        self._latin = latin
        self._owners = array("I", (owner for owner, _, _ in values))
        self._starts = array("I")
        self._text = "\n".join(["", *(text for _, text, _ in values), ""])
        self._marks = bytearray(len(self._text) if marked else 0)
        place = 1
        for _, text, marks in values:
            self._starts.append(place)
            for mark in marks:
                self._marks[place + mark] = 1
            place += len(text) + 1
        self._starts.append(place)

    def whole(self, token: str) -> Iterator[int]:
        """Owners of values that are the token."""
        return self._found(f"\n{token}\n", 1)

    def start(self, token: str) -> Iterator[int]:
        """Owners of values that begin with it."""
        return self._found(f"\n{token}", 1)

    def inside(self, token: str) -> Iterator[int]:
        """Owners of values that hold it, where they may.  One letter stands inside everything, so it does not count."""
        return self._found(token, 0) if len(token) > 1 or not self._latin else iter(())

    def _found(self, wanted: str, skip: int) -> Iterator[int]:
        if self._latin and not wanted.isascii():
            return
        text, starts, marks = self._text, self._starts, self._marks
        at = text.find(wanted)
        while at >= 0:
            if marks and not skip and not marks[at]:
                at = text.find(wanted, at + 1)
                continue
            line = bisect_right(starts, at + skip) - 1
            yield self._owners[line]
            at = text.find(wanted, starts[line + 1] - 1)


def fold(text: str) -> str:
    """For comparing only: full width to half, capitals to small, ü to v, letters and digits (of any script) kept."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("ü", "v")
    return "".join(char for char in plain if char.isalnum())


def _names(entry: Entry) -> Sequence[str]:
    """Other names of an entry."""
    match entry:
        case StandardCourse():
            return entry.aliases
        case Criterion() | Dossier():
            return entry.results
        case _:
            return ()


def _body(entry: Entry) -> str:
    match entry:
        case StandardCourse():
            parts: Sequence[str] = (entry.subject, entry.category)
        case CourseDescription():
            parts = (entry.course, entry.summary, *entry.topics, *entry.outcomes)
        case Criterion():
            parts = (entry.course,)
        case CertificateRelation():
            parts = (entry.issuer, entry.level_text, *(share.course for share in entry.courses))
        case Dossier():
            parts = (entry.opinion, *(share.course for share in entry.targets))
        case _:
            parts = ()
    return " ".join(fold(part) for part in parts)


def _tiers(stacks: Sequence[_Stack]) -> list[tuple[int, _Stack, Callable[[_Stack, str], Iterator[int]]]]:
    """Every way to fit, best first; no two have the same points, so that entries found in this order are in the final order."""
    every = [
        tier
        for stack in stacks
        for tier in (
            (stack.fit.whole, stack, _Stack.whole),
            (stack.fit.start, stack, _Stack.start),
            (stack.fit.inside, stack, _Stack.inside),
        )
    ]
    return sorted((tier for tier in every if tier[0]), key=lambda tier: -tier[0])


def _stacks(entries: Sequence[Entry], readings: Readings) -> tuple[_Stack, ...]:
    def of(fit: Fit, values: Iterator[tuple[int, str]]) -> _Stack:
        return _Stack(fit, [(owner, text, ()) for owner, text in values if text])

    spoken = [(owner, reading) for owner, entry in enumerate(entries) for name in _spoken(entry) for reading in readings(name) if reading]
    english = [(owner, _english(entry.title_en)) for owner, entry in enumerate(entries) if isinstance(entry, StandardCourse)]
    return (
        of(ID_FIT, ((owner, fold(entry.id)) for owner, entry in enumerate(entries))),
        of(TITLE_FIT, ((owner, fold(entry.title)) for owner, entry in enumerate(entries))),
        of(ALIAS_FIT, ((owner, fold(name)) for owner, entry in enumerate(entries) for name in _names(entry))),
        of(TEXT_FIT, ((owner, _body(entry)) for owner, entry in enumerate(entries))),
        _Stack(ENGLISH_FIT, [(owner, text, _word_starts(text)) for owner, text in english if text], latin=True, marked=True),
        _Stack(PINYIN_FIT, [(owner, "".join(each), _syllable_starts(each)) for owner, each in spoken], latin=True, marked=True),
        _Stack(INITIALS_FIT, [(owner, "".join(part[0] for part in each), ()) for owner, each in spoken], latin=True),
    )


def _spoken(entry: Entry) -> Iterator[str]:
    for name in (entry.title, *_names(entry)):
        yield unicodedata.normalize("NFKC", name)


def _english(text: str) -> str:
    return " ".join(fold(word) for word in text.split())


def _word_starts(text: str) -> list[int]:
    return [place + 1 for place, char in enumerate(text) if char == " "]


def _syllable_starts(syllables: Sequence[str]) -> list[int]:
    places, place = [], 0
    for syllable in syllables:
        places.append(place)
        place += len(syllable)
    return places


def _pairs(text: str) -> list[str]:
    return [text[place : place + 2] for place in range(len(text) - 1)]


def _pairs_index(entries: Sequence[Entry]) -> "dict[str, array[int]]":
    found: dict[str, array[int]] = {}
    for owner, entry in enumerate(entries):
        for pair in {pair for name in (entry.title, *_names(entry)) for pair in _pairs(fold(name))}:
            found.setdefault(pair, array("I")).append(owner)
    return found
