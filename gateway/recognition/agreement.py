"""Who recognises what from whom.  Deny by default: no agreement, no item.

The simplest whole form: a document signed by both members, naming the direction, the achievement
kinds, the period and whether it is suspended.  The signatures are checked by the registry that
loads it; this file only answers what it permits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Agreement:
    """One direction of recognition between two members.  `until` is the last day it holds."""

    id: str
    source: str
    accepting: str
    kinds: frozenset[str]
    since: date
    until: date
    suspended: bool

    @classmethod
    def from_mapping(cls, text: Mapping[str, object]) -> "Agreement":
        """Read the agreement's JSON object.  Raises ValueError, KeyError or TypeError when it is not one."""
        kinds = text["kinds"]
        if not isinstance(kinds, list) or not kinds or not all(isinstance(kind, str) for kind in kinds):
            raise ValueError("kinds is a list of achievement kinds")
        if not isinstance(text["suspended"], bool):
            raise TypeError("suspended is true or false")
        return cls(
            id=str(text["id"]),
            source=str(text["source"]),
            accepting=str(text["accepting"]),
            kinds=frozenset(kinds),
            since=date.fromisoformat(str(text["since"])),
            until=date.fromisoformat(str(text["until"])),
            suspended=text["suspended"],
        )

    def in_force(self, source: str, accepting: str, day: date) -> bool:
        """Whether it governs this direction on `day`."""
        return not self.suspended and (self.source, self.accepting) == (source, accepting) and self.since <= day <= self.until


def permitted_kinds(agreements: Sequence[Agreement], source: str, accepting: str, day: date) -> frozenset[str]:
    """The achievement kinds that may go from `source` to `accepting` on `day`, by any agreement in force."""
    kinds = (each.kinds for each in agreements if each.in_force(source, accepting, day))
    return frozenset().union(*kinds)


def any_between(agreements: Sequence[Agreement], source: str, accepting: str, day: date) -> bool:
    """Whether anything at all may go from `source` to `accepting` on `day`."""
    return any(each.in_force(source, accepting, day) for each in agreements)
