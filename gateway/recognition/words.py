"""Sentences for people, always in both languages, and the one way a number of credits is written in them.

Inside the engine credits are whole thousandths (`Mills`), because sums, caps and comparisons of integers are exact and quick.
"""

from decimal import ROUND_FLOOR, Decimal
from typing import Final, NamedTuple, TypeAlias

Mills: TypeAlias = int
"""Thousandths of a regional credit."""
CREDIT: Final[Mills] = 1000


class Words(NamedTuple):
    """One sentence in Chinese and in English."""

    zh: str
    en: str


def mills(size: Decimal) -> Mills:
    """Credits as whole thousandths, downwards: a finer fraction is never given away."""
    return int((size * CREDIT).to_integral_value(ROUND_FLOOR))


def decimal(amount: Mills) -> Decimal:
    """Back again, with one decimal at least: 3000 → 3.0, 3250 → 3.25."""
    value = Decimal(amount).scaleb(-3).normalize()
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and exponent < 0 else value.quantize(Decimal("0.1"))


def shown(size: Decimal | Mills | None) -> str:
    """`3.0`, `3.375`; `-` for none."""
    if size is None:
        return "-"
    if isinstance(size, int):
        return format(decimal(size), "f")
    text = format(size.normalize(), "f")
    return text if "." in text else f"{text}.0"


def plain(number: Decimal) -> str:
    """A number that is no amount of credits, without trailing zeros: 16, 3.5."""
    return format(number.normalize(), "f")
