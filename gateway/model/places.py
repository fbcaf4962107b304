"""What institution issued a record, and where it is, as far as its codes say.

A unified social credit code holds, from its third to its eighth character, the division code (GB/T 2260) of the place that registered
the organization; a 10-digit school id holds the province in its third and fourth.  That is where the institution is registered, not
where the learner lives, and nothing else in the four formats tells a place.  A name alone is no code: it is `unknown`.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.model.identifiers import IdentifierError, uscc

UNKNOWN: Final = "unknown"
_SCHOOL: Final = re.compile(r"[0-9]{10}")
_IN_USCC: Final = re.compile(r"[0-9A-Z]{2}([0-9]{6})[0-9A-Z]{10}")
_IN_SCHOOL: Final = re.compile(r"4[12]([0-9]{2})[0-9]{6}")
_PLACE: Final = re.compile(r"[1-9][0-9]{5}")


def institution_of(values: Mapping[str, object]) -> str:
    """A regional record's institution: its unified social credit code, else its school id, else `unknown`."""
    try:
        return uscc(str(values["issuer.uscc"]))
    except (KeyError, IdentifierError):
        school = str(values.get("issuer.school", ""))
        return school if _SCHOOL.fullmatch(school) else UNKNOWN


def county_of(institution: str) -> str:
    """The six digits as the code has them; those of a city or province end in zeros.  Not compared with the table of divisions."""
    found = _IN_USCC.fullmatch(institution)
    if found is not None:
        return found[1] if _PLACE.fullmatch(found[1]) else UNKNOWN
    found = _IN_SCHOOL.fullmatch(institution)
    return f"{found[1]}0000" if found is not None and found[1][0] != "0" else UNKNOWN


def city_of(institution: str) -> str:
    """The city's code; a province's own where the institution is registered there."""
    county = county_of(institution)
    return county if county == UNKNOWN else f"{county[:4]}00"
