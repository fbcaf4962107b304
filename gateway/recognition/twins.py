"""Likely twins: two records of one learner that are probably the same achievement under two record ids, or at two banks.

Only strong keys promise that an achievement is counted once.  For the others a person looks: here is said which records to compare
and why.  Never a refusal, never a merger; records that contradict each other in issuer or date are not put forward.

What is compared is kept beside each item as a *likeness*, made when the part is read: a keyed digest of learner, kind and title, one of
the issuer, and the month shifted by an amount that only the digest's other half gives.  Two likenesses of the same learner, kind and
title can be compared; alone, each says nothing.

Pure.  Titles are compared as rules compare them (`titles.title_key`); another title of the same thing is another title.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from gateway.crypto.digests import nullifier
from gateway.model.dates import PartialDate
from gateway.model.regional import RegionalValue
from gateway.recognition.titles import title_key

SHOWN_MAX: Final = 20
CANDIDATES_MAX: Final = 1_000
PAIRS_MAX: Final = 20_000
"""Pairs that are looked at for one case; what lies beyond is said to be unknown (`more`)."""
RECOGNISED: Final = "recognised"
MONTH, TERM = 1, 6
"""Months apart that may be one date written in two banks; and one term and the next."""
_KEY_CHARS: Final = 32
_ISSUER_CHARS: Final = 16
TITLE, DATE, NEAR, YEAR, ISSUER, CREDITS = "same_title", "same_date", "adjacent_term", "same_year", "same_issuer", "same_credits"
BY_SOURCE: Final = "recognised_by_source"
"""The source bank itself recognised the other one: what it offers now may be what it holds by that conversion."""
ONWARD: Final = "offered_onward"
"""The same seen from the other end: the bank that recognised this one offers the other."""


class Likeness(NamedTuple):
    """`key` is equal for the same learner, kind and title.  `issuer` "" and `month` None where the record says nothing."""

    key: str
    issuer: str
    month: int | None
    year_only: bool


class Candidate(NamedTuple):
    """An item that still counts, with its case's banks and the index of that case's last leaf."""

    transfer: str
    source: str
    accepting: str
    facing: str
    leaf: int
    record: str
    state: str
    nf: str
    strength: str
    alike: str
    credits: str | None


class Twin(NamedTuple):
    """`record` is the one looked at."""

    record: str
    other: Candidate
    reasons: tuple[str, ...]


def likeness(key: bytes, person: str, values: Mapping[str, RegionalValue]) -> str:
    """The text kept with an item.  `person` is the normalised citizen number; `key` the one of outcome keys."""
    base = nullifier(key, f"twin\n{person}\n{values['kind']}\n{title_key(str(values['title']))}")
    code = values.get("issuer.uscc")
    issuer = sha256(f"{base}\n{code}".encode()).hexdigest()[:_ISSUER_CHARS] if code else ""
    when = values.get("date.awarded", values.get("date.ended"))
    if not isinstance(when, PartialDate):
        return f"{base[:_KEY_CHARS]}.{issuer}."
    shifted = when.year * 12 + (when.month or 1) + int(base[_KEY_CHARS : _KEY_CHARS + 8], 16)
    return f"{base[:_KEY_CHARS]}.{issuer}.{shifted}{'' if when.month else 'y'}"


def parsed(text: str) -> Likeness | None:
    """None for an item that has none."""
    if not text:
        return None
    key, issuer, when = text.split(".")
    return Likeness(key, issuer, int(when.rstrip("y")) if when else None, when.endswith("y"))


def alike(first: Candidate, second: Candidate) -> tuple[str, ...]:
    """Why two items are likely the same achievement; () where they are not, or where the outcome ledger knows better.

    Symmetric, but for the chain's two ends having names of their own.  The title alone is not enough.
    """
    one, other = parsed(first.alike), parsed(second.alike)
    if one is None or other is None or one.key != other.key or first.nf == second.nf:
        return ()
    if first.strength == second.strength == "strong":
        return ()  # two numbers, two achievements
    when = _when(one, other)
    if when is None or (one.issuer and other.issuer and one.issuer != other.issuer):
        return ()
    found = [when] if when else []
    chain = _chain(first, second)
    if one.issuer and one.issuer == other.issuer:
        found.append(ISSUER)
    if first.credits is not None and first.credits == second.credits:
        found.append(CREDITS)
    return (*chain, TITLE, *found) if chain or found else ()


def likely_twins(mine: Iterable[Candidate], others: Iterable[Candidate], most: int = SHOWN_MAX) -> tuple[tuple[Twin, ...], bool]:
    """At most `most`, in an order that does not depend on that of the records; and whether there are, or may be, more."""
    by_key: dict[str, list[Candidate]] = {}
    for each in sorted(others, key=_place):
        by_key.setdefault(each.alike[:_KEY_CHARS], []).append(each)
    found: list[Twin] = []
    looked = 0
    for one in sorted(mine, key=_place):
        for other in by_key.get(one.alike[:_KEY_CHARS], ()) if one.alike else ():
            looked += 1
            if looked > PAIRS_MAX:
                return tuple(found), True
            reasons = alike(one, other) if _once(one, other) else ()
            if not reasons:
                continue
            if len(found) == most:
                return tuple(found), True
            found.append(Twin(one.record, other, reasons))
    return tuple(found), False


def _chain(one: Candidate, other: Candidate) -> tuple[str, ...]:
    if other.accepting == one.source and other.state == RECOGNISED:
        return (BY_SOURCE,)
    return (ONWARD,) if one.accepting == other.source and one.state == RECOGNISED else ()


def _once(one: Candidate, other: Candidate) -> bool:
    """Two records of one case are a pair, not two."""
    return one.transfer != other.transfer or one.record < other.record


def _place(each: Candidate) -> tuple[str, str, str]:
    return each.record, each.transfer, each.state


def _when(one: Likeness, other: Likeness) -> str | None:
    """How near the dates are; "" where one is not known, None where they contradict each other."""
    if one.month is None or other.month is None:
        return ""
    if one.year_only or other.year_only:
        return YEAR if _span(one)[0] <= _span(other)[1] and _span(other)[0] <= _span(one)[1] else None
    apart = abs(one.month - other.month)
    return DATE if apart <= MONTH else NEAR if apart <= TERM else None


def _span(found: Likeness) -> tuple[int, int]:
    """First and last month it can mean."""
    first = found.month or 0
    return first, first + 11 if found.year_only else first
