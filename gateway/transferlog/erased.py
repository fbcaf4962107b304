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
SCOPE: Final = "part:"
HOW: Final = ("at", "by", "reason")
_HINT: Final = b'"type":"erasure.done"'


def erased_parts(leaves: Iterable[tuple[int, bytes]]) -> dict[str, dict[str, str]]:
    """By part id: `at`, `by`, `reason`.  Parts that went with another one (`also`) are there too.  Raises TransferLogError."""
    found: dict[str, dict[str, str]] = {}
    for _, raw in leaves:
        if _HINT not in raw:  # parsing a million leaves for the few that matter would take minutes
            continue
        leaf = parse_leaf(raw)
        if leaf.type != TYPE or not leaf.scope.startswith(SCOPE):
            continue
        how = {"at": leaf.at, "by": leaf.actor, "reason": str(leaf.facts.get("reason", ""))}
        for part in (leaf.scope.removeprefix(SCOPE), *str(leaf.facts.get("also", "")).split()):
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
