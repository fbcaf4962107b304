"""Who recognises what from whom.  Deny by default: no agreement, no item.

An agreement is one direction between two banks: achievement kinds, a period, caps.  The founding ones stand in the trust file,
signed there by both; the others are proposed and signed by acts, and one of those stands in the place of a founding one of the
same direction and id.  Who may sign is checked elsewhere; this file only answers what is permitted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from gateway.model.canonical import Json
from gateway.model.documents import AgreementTerms

NO_AGREEMENT = "no_agreement"
CAP = "agreement_cap"
"""Reasons of table `closed_reason`."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """One direction of recognition between two members.  `until` is the last day it holds.

    `item_credits_max` is the most regional credits an item may have, `learner_year_credits_max` the most a learner may bring in a
    calendar year; None: no cap.  What has no computed credits is not capped.  `version` 0 is the trust file's.
    """

    id: str
    source: str
    accepting: str
    kinds: frozenset[str]
    since: date
    until: date
    suspended: bool
    version: int = 0
    item_credits_max: Decimal | None = None
    learner_year_credits_max: Decimal | None = None

    @classmethod
    def from_mapping(cls, text: Mapping[str, object]) -> "Agreement":
        """Read the agreement's JSON object.  Raises ValueError, KeyError or TypeError when it is not one."""
        kinds = text["kinds"]
        if not isinstance(kinds, list) or not kinds or not all(isinstance(kind, str) for kind in kinds):
            raise ValueError("kinds is a list of achievement kinds")
        if not isinstance(text["suspended"], bool):
            raise TypeError("suspended is true or false")
        version = text.get("version", 0)
        if not isinstance(version, int) or isinstance(version, bool) or version < 0:
            raise TypeError("version is a whole number")
        return cls(
            id=str(text["id"]),
            source=str(text["source"]),
            accepting=str(text["accepting"]),
            kinds=frozenset(kinds),
            since=date.fromisoformat(str(text["since"])),
            until=date.fromisoformat(str(text["until"])),
            suspended=text["suspended"],
            version=version,
            item_credits_max=_cap(text.get("item_credits_max")),
            learner_year_credits_max=_cap(text.get("learner_year_credits_max")),
        )

    @classmethod
    def from_terms(cls, terms: AgreementTerms) -> "Agreement":
        """Of a document that the schema holds valid."""
        return cls(
            id=terms.agreement_id,
            source=terms.source,
            accepting=terms.accepting,
            kinds=frozenset(terms.kinds),
            since=terms.since,
            until=terms.until,
            suspended=False,
            version=terms.version,
            item_credits_max=_cap(terms.item_credits_max or None),
            learner_year_credits_max=_cap(terms.learner_year_credits_max or None),
        )

    def to_mapping(self) -> dict[str, Json]:
        """The inverse of `from_mapping`; a cap that is not there is None."""
        return {
            "id": self.id,
            "source": self.source,
            "accepting": self.accepting,
            "kinds": [*sorted(self.kinds)],
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "suspended": self.suspended,
            "version": self.version,
            "item_credits_max": _cap_text(self.item_credits_max),
            "learner_year_credits_max": _cap_text(self.learner_year_credits_max),
        }

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this agreement and no other: two pairs of banks may use one id."""
        return self.source, self.accepting, self.id

    def governs(self, source: str, accepting: str, day: date) -> bool:
        """Whether it is about this direction on `day`, suspended or not."""
        return (self.source, self.accepting) == (source, accepting) and self.since <= day <= self.until

    def in_force(self, source: str, accepting: str, day: date) -> bool:
        """Whether it permits anything in this direction on `day`."""
        return not self.suspended and self.governs(source, accepting, day)

    def takes(self, kind: str, credits: Decimal | None) -> bool:
        """Whether an item of this kind and size is within it, but for what the learner brought before."""
        return kind in self.kinds and (self.item_credits_max is None or credits is None or credits <= self.item_credits_max)

    def has_room(self, credits: Decimal | None, spent: Mapping[str, Decimal]) -> bool:
        """Whether the learner may bring so much more this year.  `spent`: kind → regional credits already brought."""
        if self.learner_year_credits_max is None or credits is None:
            return True
        before = sum((spent.get(kind, Decimal(0)) for kind in self.kinds), Decimal(0))
        return before + credits <= self.learner_year_credits_max


def in_force(agreements: Sequence[Agreement], source: str, accepting: str, day: date) -> tuple[Agreement, ...]:
    """Those that permit something from `source` to `accepting` on `day`."""
    return tuple(each for each in agreements if each.in_force(source, accepting, day))


def any_between(agreements: Sequence[Agreement], source: str, accepting: str, day: date) -> bool:
    """Whether anything at all may go from `source` to `accepting` on `day`."""
    return any(each.in_force(source, accepting, day) for each in agreements)


def only_suspended(agreements: Sequence[Agreement], source: str, accepting: str, day: date, kind: str) -> bool:
    """Whether this kind would be covered, were it not for a suspension."""
    covering = [each for each in agreements if each.governs(source, accepting, day) and kind in each.kinds]
    return bool(covering) and all(each.suspended for each in covering)


def barred(governing: Sequence[Agreement], kind: str, credits: Decimal | None) -> str:
    """Why no agreement of `governing` (all in force) takes this item, or "".  One is enough."""
    if not any(kind in each.kinds for each in governing):
        return NO_AGREEMENT
    return "" if any(each.takes(kind, credits) for each in governing) else CAP


def over_year_cap(governing: Sequence[Agreement], kind: str, credits: Decimal | None, spent: Mapping[str, Decimal]) -> bool:
    """Whether every agreement that takes this item leaves the learner no room for it."""
    return not any(each.takes(kind, credits) and each.has_room(credits, spent) for each in governing)


def year_capped(agreements: Sequence[Agreement], source: str, accepting: str) -> bool:
    """Whether what a learner brought before may matter in this direction."""
    return any((each.source, each.accepting) == (source, accepting) and each.learner_year_credits_max is not None for each in agreements)


def _cap(text: object) -> Decimal | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("a cap is a decimal text")
    try:
        cap = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("a cap is a decimal text") from error
    if not cap.is_finite() or cap < 0:
        raise ValueError("a cap is not negative")
    return cap


def _cap_text(cap: Decimal | None) -> str | None:
    return format(cap, "f") if cap is not None else None
