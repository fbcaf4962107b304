"""Credits, points, units, minutes and sessions never mix."""

from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.units import Credits, Minutes, Points, Sessions, Units

KINDS = (Credits, Points, Units, Minutes, Sessions)
amounts = st.decimals(min_value=0, max_value=10_000, places=2)


@pytest.mark.parametrize(("left", "right"), list(permutations(KINDS, 2)))
def test_quantity_when_kinds_differ_then_arithmetic_and_order_are_type_errors(left, right):
    one, other = left(Decimal(1)), right(Decimal(1))
    assert one != other
    with pytest.raises(TypeError):
        one + other
    with pytest.raises(TypeError):
        one - other
    with pytest.raises(TypeError):
        assert one < other


@pytest.mark.parametrize("kind", KINDS)
def test_quantity_when_plain_number_then_type_error(kind):
    with pytest.raises(TypeError):
        kind(Decimal(1)) + Decimal(1)
    with pytest.raises(TypeError):
        sum([kind(Decimal(1))])


@pytest.mark.parametrize("kind", KINDS)
@given(a=amounts, b=amounts)
def test_quantity_when_one_kind_then_exact_arithmetic_and_order(kind, a, b):
    assert kind(a) + kind(b) == kind(a + b)
    assert kind(a) - kind(b) == kind(a - b)
    assert (kind(a) < kind(b)) is (a < b)
    assert (kind(a) >= kind(b)) is (a >= b)
    assert sum([kind(a), kind(b)], kind(Decimal(0))) == kind(a + b)
    assert type(kind(a) + kind(b)) is kind


def test_quantity_when_written_then_plain_digits_without_exponent():
    assert str(Credits(Decimal("3.50"))) == "3.50"
    assert str(Minutes(Decimal("1E+3"))) == "1000"
    assert str(Points(Decimal("0E-2"))) == "0.00"


def test_quantity_when_frozen_then_it_cannot_change():
    with pytest.raises(AttributeError):
        Credits(Decimal(1)).value = Decimal(2)
