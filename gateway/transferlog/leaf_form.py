"""The form of a leaf's members: for each one predicate over its JSON value.

Everything has one spelling (times, numbers, order of lists), so that a leaf read back and written again gives its own bytes.
A list is a tuple in a leaf about to be written and a list in one just read.
docs/transfer-log.md, section 3, is the text of this table.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from gateway.model.canonical import INTEGER_MAX

VERSION: Final = 1
ITEMS_MAX: Final = 300
"""An item takes about 150 bytes, so that many fit beside the longest envelope; a case with more records is several transfers."""
CONTENTS_MAX: Final = 24
FACTS_MAX: Final = 32
FACT_CHARS_MAX: Final = 4_096
ENVELOPE_CHARS_MAX: Final = 16 * 1024
TOTALS: Final = ("submitted", "recognised", "refused", "closed", "pending")


def at_text(moment: datetime) -> str:
    """The one form of a time in a leaf: `2024-06-30T08:00:00.000000Z`.  `moment` is aware."""
    assert moment.tzinfo is not None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_at(text: str) -> datetime:
    """Raises ValueError for any other form."""
    if not _AT.fullmatch(text):
        raise ValueError("not a time in the form of a leaf")
    return datetime.fromisoformat(text)


def totals_hold(totals: Mapping[str, str]) -> bool:
    """Submitted = recognised + refused + closed + pending, exactly."""
    submitted, *parts = (Decimal(totals[name]) for name in TOTALS)
    return submitted == sum(parts, Decimal(0))


def _matches(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX


def _is_at(value: Any) -> bool:
    try:
        return isinstance(value, str) and parse_at(value).tzinfo is UTC
    except ValueError:
        return False


def _is_row(value: Any, *kinds: Callable[[Any], bool]) -> bool:
    if not isinstance(value, list | tuple) or len(value) != len(kinds):
        return False
    return all(is_kind(inner) for is_kind, inner in zip(kinds, value, strict=True))


def _is_content(value: Any) -> bool:
    if not (isinstance(value, list | tuple) and 0 < len(value) <= CONTENTS_MAX):
        return False
    for row in value:
        if not (isinstance(row, list | tuple) and len(row) == 3):
            return False
        name, digest, length = row
        if not (_is_name(name) and _is_digest(digest) and _is_count(length)):
            return False
    return len({row[0] for row in value}) == len(value)


def _is_items(value: Any) -> bool:
    if not (isinstance(value, list | tuple) and 0 < len(value) <= ITEMS_MAX):
        return False
    for row in value:  # written out: it runs for each item of each leaf
        if not (isinstance(row, list | tuple) and len(row) == 3):
            return False
        cm, nf, state = row
        if not (_is_hex_or_empty(cm) and _is_hex_or_empty(nf) and _is_word(state)):
            return False
    named = [row[0] for row in value if row[0]]
    return list(value) == sorted(value) and len(set(named)) == len(named)


def _is_totals(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == _TOTALS and all(map(_is_decimal, value.values()))


def _is_facts(value: Any) -> bool:
    return (
        isinstance(value, dict) and 0 < len(value) <= FACTS_MAX and all(_is_word(name) and _is_fact(fact) for name, fact in value.items())
    )


def _is_fact(value: Any) -> bool:
    return isinstance(value, bool) or _is_count(value) or (isinstance(value, str) and len(value) <= FACT_CHARS_MAX)


_TOTALS: Final = frozenset(TOTALS)
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_is_word = _matches(r"[a-z][a-z0-9_.-]{0,63}")
_is_name = _matches(r"[a-z][a-z0-9-]{0,127}")  # of a content: as the envelope has it
_is_id = _matches(r"[!-~]{1,128}")
_is_digest = _matches(r"[0-9a-f]{64}|[A-Za-z0-9_-]{43}")  # of a content: as the envelope has it
_is_hex = _matches(r"[0-9a-f]{64}")
_is_hex_or_empty = _matches(r"(?:[0-9a-f]{64})?")
_is_state = _matches(r"(?:[a-z][a-z_]{0,31})?")
_is_decimal = _matches(r"(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,8})?")


def _is_jws(value: Any) -> bool:
    """Three segments of base64url.  An envelope is long, and a pattern looks at its characters one by one."""
    if not (isinstance(value, str) and value.isascii()):
        return False
    return value.encode("ascii").translate(None, _BASE64URL) == b".." and all(value.split("."))


_BASE64URL: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "v": lambda value: _is_count(value) and value == VERSION,
    "type": _matches(r"[a-z]{1,31}\.[a-z_]{1,31}"),
    "at": _is_at,
    "scope": _is_id,
    "seq": _is_count,
    "iss": _is_id,
    "jti": _is_id,
    "n": _is_count,
    "cause": lambda value: _is_row(value, _is_id, _is_count),
    "actor": _is_id,
    "role": _is_word,
    "kid": _is_id,
    "envelope": lambda value: _is_jws(value) and len(value) <= ENVELOPE_CHARS_MAX,
    "content": _is_content,
    "answer": _is_hex,
    "status": lambda value: (_is_count(value) and 100 <= value <= 599) or _is_word(value),
    "state_before": _is_state,
    "state_after": _is_state,
    "ver": _is_count,
    "deadline": _is_at,
    "mapping": lambda value: _is_row(value, _is_id, _is_id),
    "rules": _is_id,
    "totals": _is_totals,
    "items": _is_items,
    "facts": _is_facts,
}
