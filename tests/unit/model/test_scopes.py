"""Ids of scopes that are not transfers: recomputed here by hand, and never those of another kind, bank or message."""

from datetime import datetime, timedelta, timezone
from hashlib import sha256

from gateway.model.scopes import (
    ENQUIRY_EVENTS,
    EnquiryState,
    agreement_scope,
    consent_scope,
    enquiry_id,
    handover_scope,
    is_agreement_scope,
    is_handover_scope,
    is_rule_scope,
    rule_scope,
)
from gateway.model.transfer import transfer_id


def test_ids_when_computed_by_hand_then_equal() -> None:
    """PR-102, PR-111, PR-220, PR-260: the bytes are those of RFC 8785."""
    assert consent_scope("CN-31", "授权 1") == sha256('["ceg-consent","CN-31","授权 1"]'.encode()).hexdigest()
    assert enquiry_id("CN-31", "abc") == sha256(b'["ceg-enquiry","CN-31","abc"]').hexdigest()
    assert agreement_scope("CN-31", "CN-32", "A-1") == "agreement:" + sha256(b'["ceg-agreement","CN-31","CN-32","A-1"]').hexdigest()
    assert [is_agreement_scope(scope) for scope in (agreement_scope("CN-31", "CN-32", "A-1"), "a" * 64, None)] == [True, False, False]
    assert rule_scope("CN-32", "demo", "2026.1") == "rule:" + sha256(b'["ceg-rule","CN-32","demo","2026.1"]').hexdigest()
    assert [is_rule_scope(scope) for scope in (rule_scope("CN-32", "a", "1"), "agreement:x", None)] == [True, False, False]


def test_handover_when_computed_by_hand_then_equal_whatever_zone_the_moments_have() -> None:
    """PR-352."""
    ended = datetime(2026, 12, 1, 8, tzinfo=timezone(timedelta(hours=8)))
    raw = b'["ceg-presiding","CN-34","2026-12-01T00:00:00.000000Z","CN-33","2026-12-02T00:00:00.000000Z"]'
    scope = handover_scope("CN-34", ended, "CN-33", ended + timedelta(days=1))
    assert scope == "presiding:" + sha256(raw).hexdigest()
    assert [is_handover_scope(each) for each in (scope, "rule:x", None)] == [True, False, False]


def test_ids_when_of_different_things_then_different() -> None:
    found = {
        consent_scope("CN-31", "x"), consent_scope("CN-32", "x"), consent_scope("CN-3", "1x"), consent_scope('CN-31","x', ""),
        enquiry_id("CN-31", "x"), transfer_id("CN-31", "x"), agreement_scope("CN-31", "x", ""), agreement_scope("x", "CN-31", ""),
    }  # fmt: skip
    assert len(found) == 8


def test_events_when_listed_then_one_for_the_question_and_one_for_each_end() -> None:
    assert len(ENQUIRY_EVENTS) == len(EnquiryState)
