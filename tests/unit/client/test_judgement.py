"""From a filled-in form to a decision: what is accepted, what is named as wrong, and when a departure must be explained."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.rules import codes

from gateway.client.bank import OpenItem
from gateway.client.casework import OpenCase
from gateway.client.judgement import Choice, Judgement, Wrong, decided, followed, proposed_choices, reasons, totals
from gateway.model.documents import Decision, Verdict
from gateway.recognition.proposal import Proposal, Proposed
from gateway.recognition.words import Words
from gateway.simulator.people import SHANGHAI
from gateway.storage.connector_schema import CaseRow
from gateway.system import SystemClock

NOW = SystemClock().now()
YES = Choice("R1", "recognised", "3.0", "content_equivalent")
ROW = CaseRow("ab" * 32, SHANGHAI, "CN-32", SHANGHAI, "reviewing", 2, "decide", "j", "", '{"items": []}', "")
ESTIMATE = Proposal(
    ("set", "1"),
    {"R1": Proposed(Verdict.RECOGNISED, Decimal("3.0"), ("C1",), Decimal("3.0"), "content_equivalent", "rule", Words("中", "en"))},
    {},
)


def case(proposal: Proposal | None = None, row: CaseRow = ROW) -> OpenCase:
    """As much of a verified case as a decision looks at."""
    request = SimpleNamespace(programme_code="120209")
    shown = SimpleNamespace(items=(OpenItem("R1", "COURSE", Decimal("3.0")),), proposal=proposal, request=request)
    return OpenCase(row, cast(Any, SimpleNamespace(case=shown)))


def judge(choice: Choice, proposal: Proposal | None = None, departure: str = "", row: CaseRow = ROW) -> Decision | list[Wrong]:
    return decided(case(proposal, row), Judgement((choice,), departure), "office", NOW, codes())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"record": "R2"}, "missing"),
        ({"verdict": ""}, "no_verdict"),
        ({"verdict": "refused"}, "reason_unfit"),
        ({"reason": ""}, "reason_unfit"),
        ({"reason": "other"}, "text_wanted"),
        ({"text": "x" * 501}, "text_wanted"),
        ({"credits": "three"}, "credits_bad"),
        ({"credits": "-1"}, "credits_bad"),
        ({"credits": "NaN"}, "credits_bad"),
        ({"credits": "Infinity"}, "credits_bad"),
        ({"credits": "1E+1"}, "credits_bad"),
        ({"credits": "1.234"}, "credits_bad"),
        ({"credits": "3.01"}, "credits_over"),
    ],
)
def test_choice_when_not_acceptable_then_named(changes: dict[str, str], code: str) -> None:
    assert judge(replace(YES, **changes)) == [Wrong("R1", code)]


def test_decision_when_like_the_estimate_then_the_rules_own_item_else_a_persons_with_a_reason() -> None:
    alike = judge(YES, ESTIMATE)
    assert isinstance(alike, Decision)
    assert (alike.items[0].rule, alike.items[0].target_course, alike.departure) == ("set@1/rule", "C1", "")
    assert judge(replace(YES, credits="2.5"), ESTIMATE) == [Wrong("", "not_explained")]
    other = judge(replace(YES, credits="2.5"), ESTIMATE, "size_insufficient")
    assert isinstance(other, Decision)
    assert (other.items[0].rule, other.departure) == ("review", "size_insufficient: 学分或学时不足 / too few credits or hours")
    assert totals(other.items) == (1, 0, Decimal("2.5"))


def test_estimate_when_contested_then_neither_followed_nor_recognised_but_may_be_refused() -> None:
    row = ROW._replace(body='{"items": [{"record": "R1", "state": "claimed", "contested": true}]}')
    assert followed(case(ESTIMATE, row), "office", NOW) is None
    assert judge(YES, row=row) == [Wrong("R1", "contested")]
    assert isinstance(judge(Choice("R1", "refused", "", "not_verified"), row=row), Decision)
    assert isinstance(followed(case(ESTIMATE), "office", NOW), Decision)
    assert followed(case(), "office", NOW) is None


def test_form_when_nothing_was_proposed_then_no_verdict_is_chosen_beforehand() -> None:
    assert proposed_choices(case())["R1"] == Choice("R1", "", "3.0", "")
    assert proposed_choices(case(ESTIMATE))["R1"] == YES
    assert {entry.code for entry in reasons(codes(), Verdict.RECOGNISED)} & {"not_verified"} == set()


def test_judgement_when_kept_and_read_again_then_the_same() -> None:
    made = Judgement((YES,), "other", "x")
    assert Judgement.from_json(made.to_json()) == made
