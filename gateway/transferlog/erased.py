"""Which parts were erased, as the transfer log tells: what a restored backup has to be brought to.

The list can be taken from any copy of the log (an export, a bank's mirror) and holds nothing personal: part ids are digests
of random ids.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.errors import TransferLogError
from gateway.model.canonical import Json, jcs
from gateway.transferlog.leaf import parse_leaf

TYPE: Final = "erasure.done"
LAPSED: Final = "erasure.lapsed"
"""What the gateway erases by itself, its time being over."""
TYPES: Final = frozenset({TYPE, LAPSED})
SCOPE: Final = "part:"
ALSO: Final = "also"
ALSO_EACH: Final = 60
"""Parts in one fact: each takes 64 digits and a blank of the 4,096 characters that a fact may have."""
ALSO_MAX: Final = 24 * ALSO_EACH
HOW: Final = ("at", "by", "reason")
_HINT: Final = b'"type":"erasure.'


def also_facts(parts: Iterable[str]) -> dict[str, str]:
    """The facts `also`, `also_2` … of an erasure: the other parts that go with it, sorted, joined by blanks."""
    listed = sorted(parts)
    pages = [listed[first : first + ALSO_EACH] for first in range(0, len(listed), ALSO_EACH)]
    return {f"{ALSO}_{number}" if number > 1 else ALSO: " ".join(page) for number, page in enumerate(pages, 1)}


def also_of(facts: Mapping[str, object]) -> list[str]:
    """The inverse of `also_facts`."""
    return [part for name, text in facts.items() if name == ALSO or name.startswith(f"{ALSO}_") for part in str(text).split()]


def erased_parts(leaves: Iterable[tuple[int, bytes]]) -> dict[str, dict[str, str]]:
    """By part id: `at`, `by`, `reason`.  Parts that went with another one (`also`) are there too.  Raises TransferLogError."""
    found: dict[str, dict[str, str]] = {}
    for _, raw in leaves:
        if _HINT not in raw:  # parsing a million leaves for the few that matter would take minutes
            continue
        leaf = parse_leaf(raw)
        if leaf.type not in TYPES or not leaf.scope.startswith(SCOPE):
            continue
        how = {"at": leaf.at, "by": leaf.actor or leaf.iss, "reason": str(leaf.facts.get("reason", ""))}
        for part in (leaf.scope.removeprefix(SCOPE), *also_of(leaf.facts)):
            found.setdefault(part, how)
    return found


def write_erased(parts: Mapping[str, Mapping[str, str]]) -> bytes:
    """The list as a file: JCS JSON, by part id."""
    shown: dict[str, Json] = {part: dict(how) for part, how in parts.items()}
    return jcs({"v": 1, "erased": shown})


def read_erased(told: Json) -> dict[str, dict[str, str]]:
    """The list as it was read from its file.  Raises TransferLogError(`transferlog.erased_list`)."""
    listed = told.get("erased") if isinstance(told, dict) and told.get("v") == 1 else None
    if not isinstance(listed, dict) or not all(_is_how(how) for how in listed.values()):
        raise TransferLogError("transferlog.erased_list", "不是删除清单", "not a list of erased parts")
    return {part: {name: str(how[name]) for name in HOW} for part, how in listed.items() if isinstance(how, dict)}


def _is_how(how: Json) -> bool:
    return isinstance(how, dict) and how.keys() == {*HOW} and all(isinstance(value, str) for value in how.values())
