"""What makes two records likely the same achievement, and what does not; and that a likeness tells nothing by itself."""

import pytest

from gateway.model.dates import PartialDate
from gateway.model.regional import RegionalValue
from gateway.recognition.twins import PAIRS_MAX, Candidate, alike, likely_twins, likeness, parsed

KEY = b"twins".ljust(32, b".")
COURSE: dict[str, RegionalValue] = {"kind": "COURSE", "title": "管理学基础", "issuer.uscc": "U1", "date.awarded": PartialDate(2023, 7, 5)}


def item(record: str, person: str = "p", *, strength: str = "weak", credits: str | None = "3.0", **changes: RegionalValue) -> Candidate:
    values = COURSE | {path.replace("__", "."): value for path, value in changes.items()}
    values = {path: value for path, value in values.items() if value != ""}
    text = likeness(KEY, person, values)
    return Candidate(f"t-{record}", "CN-31", "CN-33", "CN-31", 1, record, "claimed", f"n-{record}", strength, text, credits)


FIRST = item("a")


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, {"same_title", "same_date", "same_issuer", "same_credits"}),
        ({"title": "管理学 基础"}, {"same_title", "same_date", "same_issuer", "same_credits"}),
        ({"title": "管理学"}, set()),
        ({"kind": "MOOC"}, set()),
        ({"person": "q"}, set()),
        ({"credits": "4.0"}, {"same_title", "same_date", "same_issuer"}),
        ({"credits": None}, {"same_title", "same_date", "same_issuer"}),
        ({"issuer__uscc": ""}, {"same_title", "same_date", "same_credits"}),
        ({"issuer__uscc": "U2"}, set()),
        ({"date__awarded": PartialDate(2023, 8)}, {"same_title", "same_date", "same_issuer", "same_credits"}),
        ({"date__awarded": PartialDate(2024, 1)}, {"same_title", "adjacent_term", "same_issuer", "same_credits"}),
        ({"date__awarded": PartialDate(2022, 12)}, set()),
        ({"date__awarded": PartialDate(2024, 2)}, set()),
        ({"date__awarded": PartialDate(2023)}, {"same_title", "same_year", "same_issuer", "same_credits"}),
        ({"date__awarded": PartialDate(2024)}, set()),
        ({"date__awarded": ""}, {"same_title", "same_issuer", "same_credits"}),
        ({"date__awarded": "", "date__ended": PartialDate(2023, 7)}, {"same_title", "same_date", "same_issuer", "same_credits"}),
        ({"date__awarded": "", "issuer__uscc": "", "credits": None}, set()),
        ({"strength": "strong"}, {"same_title", "same_date", "same_issuer", "same_credits"}),
    ],
)
def test_alike_when_they_differ_in_one_thing_then_that_reason_is_missing_or_they_are_no_twins(changes, reasons) -> None:  # PR-280
    assert set(alike(FIRST, item("b", **changes))) == reasons


def test_alike_when_both_have_numbers_of_their_own_or_are_one_outcome_then_the_ledger_knows_better() -> None:  # PR-280
    strong = FIRST._replace(strength="strong")
    assert alike(strong, item("b", strength="strong")) == ()
    assert alike(FIRST, item("b")._replace(nf=FIRST.nf)) == ()


def test_alike_when_the_source_itself_recognised_the_other_then_the_title_is_enough_and_it_says_so() -> None:  # PR-282
    bare = {"date__awarded": "", "issuer__uscc": "", "credits": None}
    before = item("b", **bare)._replace(source="CN-32", accepting="CN-31", state="recognised")
    assert alike(FIRST, before) == ("recognised_by_source", "same_title")
    assert alike(before, FIRST) == ("offered_onward", "same_title")
    assert alike(FIRST, before._replace(state="claimed")) == ()


def test_likeness_when_read_then_neither_title_nor_issuer_nor_date_nor_person_stands_in_it() -> None:  # PR-284
    text = likeness(KEY, "11010519491231002X", COURSE)
    assert not any(part in text for part in ("管理学", "U1", "2023", "11010519491231002X"))
    found = parsed(text)
    assert found is not None
    assert found.month is not None
    assert found.month > 12 * 2300, "shifted"
    other = parsed(likeness(KEY, "330106199512244027", COURSE))
    assert other is not None
    assert {found.key, found.issuer, found.month} & {other.key, other.issuer, other.month} == set()
    assert parsed("") is None


def test_likely_twins_when_there_are_too_many_pairs_to_look_at_then_it_says_so() -> None:  # PR-281
    mine = [FIRST._replace(record=f"m{number}", nf=f"m{number}", strength="strong") for number in range(200)]
    others = [item("o")._replace(record=f"o{number}", nf=f"o{number}", strength="strong") for number in range(PAIRS_MAX // 200 + 1)]
    assert likely_twins(mine, others) == ((), True)
    assert likely_twins(mine, others[:-1]) == ((), False)
