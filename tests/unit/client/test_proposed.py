"""A bank that follows the estimate, or says why not."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway.client.bank import OpenItem
from gateway.client.proposed import by_proposal, explained
from gateway.errors import RecognitionError, SettingsError
from gateway.model.canonical import Json
from gateway.model.documents import Decision, DecisionItem, Verdict
from gateway.model.units import Credits
from gateway.recognition.proposal import Proposal, read_proposal, write_proposal


def item(record: str, verdict: str = "recognised", size: str = "3.0") -> Json:
    awards: list[Json] = [{"course": "XZ004", "title": "管理学基础", "credits": size}] if verdict == "recognised" else []
    return {
        "record": record, "verdict": verdict, "reason": "content_equivalent", "recognised": size, "awards": awards, "rule": "management",
        "in_short": {"zh": "因为", "en": "because"},
    }  # fmt: skip


def proposal(*items: Json) -> Proposal:
    return read_proposal(write_proposal({"rule_set": "demo-xzgl", "version": "2026.1", "items": list(items)}))


def decision(*items: DecisionItem, departure: str = "") -> Decision:
    return Decision("P", datetime(2026, 11, 2, tzinfo=UTC), "x", items, departure=departure)


def open_item(record: str) -> OpenItem:
    return OpenItem(record, "COURSE", Decimal(4))


def test_decision_when_the_policy_is_to_follow_then_each_item_is_as_proposed_with_its_rule() -> None:
    found = by_proposal(proposal(item("a"), item("b", "refused", "0.0")), [open_item("a"), open_item("b")])
    assert found is not None
    first, second = found
    assert (first.verdict, first.credits, first.awarded, first.target_course) == (
        Verdict.RECOGNISED,
        Credits(Decimal("3.0")),
        "3.0",
        "XZ004",
    )
    assert (first.rule, first.text_zh, first.text_en) == ("demo-xzgl@2026.1/management", "因为", "because")
    assert (second.verdict, second.credits.value, second.awarded, second.target_course) == (Verdict.REFUSED, 0, "", "")
    assert explained(decision(*found, departure="x"), proposal(item("a"), item("b", "refused", "0.0"))).departure == ""


@pytest.mark.parametrize("made", [None, proposal(item("b"))])
def test_decision_when_there_is_no_estimate_of_all_items_then_nothing_is_followed(made: Proposal | None) -> None:
    assert by_proposal(made, [open_item("a")]) is None


@pytest.mark.parametrize("departure", ["", "  "])
@pytest.mark.parametrize("proposed", [item("a", "refused", "0"), item("a", "recognised", "2.5"), item("b")])
def test_decision_when_it_departs_then_somebody_says_why(proposed: Json, departure: str) -> None:
    (given,) = by_proposal(proposal(item("a")), [open_item("a")]) or ()
    with pytest.raises(SettingsError):
        explained(decision(given, departure=departure), proposal(proposed))
    assert explained(decision(given, departure="课程大纲已改"), proposal(proposed)).departure == "课程大纲已改"
    assert explained(decision(given, departure=departure), None).departure == ""


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"v":1}', b'{"v":2,"estimate":{"rule_set":"x","version":"1","items":[]}}', b'{"v":1,"estimate":{"items":[{}]}}'],
)
def test_proposal_when_it_is_not_one_then_refused_by_name(content: bytes) -> None:
    with pytest.raises(RecognitionError) as caught:
        read_proposal(content)
    assert caught.value.code == "recognition.bad_proposal"


def test_proposal_when_a_record_occurs_twice_then_refused() -> None:
    with pytest.raises(RecognitionError):
        proposal(item("a"), item("a"))
