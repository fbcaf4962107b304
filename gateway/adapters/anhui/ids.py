"""Stable record ids for rows that have none of their own.

A row's natural key is a keyed digest (HMAC-SHA-256) over the learner's citizen number and the facts
that name an achievement: title, kind, issuer, certificate number, date.  Grade, hours, credits and
remark are left out, so a correction keeps the id; so is the period, so the same achievement reported
again keeps it too.  Without the connector's salt nothing can be tried against the key.  The record id
is the head of that digest, unless the caller already knows another id for the key.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gateway.adapters.anhui.rows import Row
from gateway.adapters.anhui.settings import CERTIFICATE, DATE, ISSUER, KIND, TITLE
from gateway.model.canonical import jcs
from gateway.model.cells import CellError, date_cell, fold

_FACTS = (TITLE, KIND, ISSUER, CERTIFICATE)
_ID_DIGITS = 24


def natural_key(citizen_id: str, values: Mapping[str, str], salt: bytes) -> str:
    """64 hexadecimal digits; the same for the same achievement, however its cells are spaced."""
    facts = [citizen_id, *("".join(fold(values[path]).split()) for path in _FACTS), _date(values[DATE])]
    return hmac.new(salt, jcs(["ceg-anhui-row", *facts]), "sha256").hexdigest()


def _date(text: str) -> str:
    """The same day, however it is written."""
    try:
        read = date_cell(text)
    except CellError:
        return ""
    return f"{read.start or ''}/{read.end}"


def record_id(key: str, known_ids: Mapping[str, str]) -> str:
    """The id given to the key before, or `AH` and 24 digits of the key."""
    return known_ids.get(key, f"AH{key[:_ID_DIGITS]}")


def ambiguous(rows: Sequence[tuple[Row, str]]) -> frozenset[int]:
    """Rows whose id another row has too: nobody can say which of them the id means."""
    times = Counter(identifier for _, identifier in rows)
    return frozenset(row.number for row, identifier in rows if times[identifier] > 1)


def repeated(ids: Iterable[str]) -> frozenset[str]:
    """Ids that stand more than once."""
    return frozenset(identifier for identifier, times in Counter(ids).items() if times > 1)
