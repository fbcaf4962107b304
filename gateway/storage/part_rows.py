"""The rows of what was ordered about a part's keeping, and of its stretch of a paper about several, in column order; as in `rows`."""

from typing import NamedTuple


class FateRow(NamedTuple):
    """What was ordered about a part's keeping.  `seq` is the next leaf's number in its scope, `part:` and the id.

    `held_at` is "" while nobody holds it; `held_until` is a day, "" for a hold without an end.  `erased_at` is "" while the part is
    there; `leaf` is then that of the erasure.
    """

    part_id: str
    seq: int = 0
    held_at: str = ""
    held_by: str = ""
    held_reason: str = ""
    held_until: str = ""
    erased_at: str = ""
    erased_by: str = ""
    erased_reason: str = ""
    leaf: int = -1


class ContentLineRow(NamedTuple):
    """The `line`-th stretch that was cut out of a paper, because it names one part.

    `text`, sealed under that part's key: 64 hexadecimal digits, its share of the paper's secret, and the stretch.
    """

    iss: str
    jti: str
    name: str
    line: int
    part_id: str
    text: str
