"""What is read of a record to judge it: no more than is declared, so that whoever reads for that alone may leave the rest."""

from decimal import Decimal

import pytest
from support.rules import DAY, record

from gateway.model.regional import RECORD_FIELDS, RegionalRecord, RegionalValue
from gateway.model.units import Points
from gateway.recognition.facts import LOOKED_AT, bar, facts_of

CERTIFICATE = record(
    "c1",
    kind="SKILL_CERT",
    certificate__scheme="OSTA",
    certificate__skill_level="3",
    issuer__uscc="12310000425060017N",
    programme__stage="ASSOCIATE",
    course__code="X1",
)


class Asked(dict[str, RegionalValue]):
    """Values that know what was asked of them."""

    def __init__(self, values: dict[str, RegionalValue]) -> None:
        super().__init__(values)
        self.paths: set[str] = set()

    def get(self, path, default=None):
        self.paths.add(path)
        return super().get(path, default)

    def __getitem__(self, path):
        self.paths.add(path)
        return super().__getitem__(path)

    def __contains__(self, path):
        self.paths.add(path)
        return super().__contains__(path)


def without_credits(values: dict[str, RegionalValue]) -> dict[str, RegionalValue]:
    return {path: value for path, value in values.items() if not path.startswith("size.")} | {"size.points": Points(Decimal(4))}


@pytest.mark.parametrize(
    "values",
    [
        dict(CERTIFICATE.values),
        dict(CERTIFICATE.values) | {"convertible": False, "convertible_reason": "points_only"},
        without_credits(dict(record().values)),
    ],
)
def test_facts_when_made_then_nothing_is_read_but_what_is_declared(values):
    asked = Asked(values)
    whole = RegionalRecord(asked)
    part = RegionalRecord({path: value for path, value in values.items() if path in LOOKED_AT})
    assert bar(facts_of(whole), "CN-34", DAY) == bar(facts_of(part), "CN-34", DAY)
    assert facts_of(whole)[1:] == facts_of(part)[1:]
    assert asked.paths <= LOOKED_AT


def test_declared_when_compared_with_the_standard_then_fields_of_it():
    assert {field.path for field in RECORD_FIELDS} >= LOOKED_AT
