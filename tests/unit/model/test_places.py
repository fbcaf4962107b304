"""The institution of a record and its place, from codes alone."""

import pytest

from gateway.model.places import UNKNOWN, city_of, county_of, institution_of

COUNTY, PROVINCE = "52310115MJ4927510X", "12310000425060017N"
SCHOOL = "4132010284"


@pytest.mark.parametrize(
    ("values", "institution", "city", "county"),
    [
        ({"issuer.uscc": PROVINCE, "issuer.school": SCHOOL}, PROVINCE, "310000", "310000"),
        ({"issuer.uscc": PROVINCE[:-1] + "A"}, UNKNOWN, UNKNOWN, UNKNOWN),  # its check character is another
        ({"issuer.uscc": PROVINCE[:-1] + "A", "issuer.school": SCHOOL}, SCHOOL, "320000", "320000"),
        ({"issuer.school": "3132010284"}, "3132010284", UNKNOWN, UNKNOWN),
        ({"issuer.school": "41320102841"}, UNKNOWN, UNKNOWN, UNKNOWN),
        ({"issuer.name": "上海开放大学"}, UNKNOWN, UNKNOWN, UNKNOWN),  # a name is no code
        ({}, UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_institution_when_a_record_has_codes_or_none_then_it_and_where_it_is_registered(
    values: dict[str, object], institution: str, city: str, county: str
) -> None:
    assert (institution_of(values), city_of(institution), county_of(institution)) == (institution, city, county)


def test_place_when_a_code_holds_a_division_or_letters_then_that_or_unknown() -> None:
    assert (city_of(COUNTY), county_of(COUNTY)) == ("310100", "310115")
    for code in ("52A10115MJ4927510X", "52010115MJ4927510X", "4102010284", UNKNOWN, ""):
        assert (city_of(code), county_of(code)) == (UNKNOWN, UNKNOWN)
