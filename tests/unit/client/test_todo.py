"""What a case still asks of its bank follows from its state, and from what was told last."""

import json
from typing import Any

import pytest

from gateway.client.todo import DECIDE, POST, RECALL, minus, newer, plus, to_decide, to_recall, words
from gateway.storage.connector_schema import CaseRow

EMPTY = CaseRow("ab" * 32, "CN-31", "CN-32", "CN-31", "reviewing", 3, "", "", "", "{}", "")


def with_items(state: str, *items: dict[str, Any]) -> CaseRow:
    return EMPTY._replace(state=state, body=json.dumps({"items": items}))


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        ("reviewing", [DECIDE, RECALL]),
        ("disputed", [DECIDE, RECALL]),
        ("posting", [POST, RECALL]),
        ("held", [POST, RECALL]),
        ("settled", [RECALL]),
        ("delivering", [RECALL]),
        ("", []),
    ],
)
def test_words_when_the_state_does_not_ask_for_them_then_gone(state: str, kept: list[str]) -> None:
    assert words(plus(EMPTY._replace(state=state), DECIDE, POST, RECALL)) == kept


def test_word_when_done_then_the_others_stay() -> None:
    both = plus(EMPTY, DECIDE, RECALL)
    assert words(minus(both, DECIDE)) == [RECALL]
    assert words(minus(both._replace(state="settled"))) == [RECALL]


def test_case_when_told_something_older_then_what_is_known_stays() -> None:
    assert newer(EMPTY, {"state": "delivering", "ver": 2}) is EMPTY
    told = newer(EMPTY, {"state": "posting", "ver": 4, "items": [{"record": "a", "state": "recognised"}]})
    assert (told.state, told.ver, to_recall(told)) == ("posting", 4, [])


def test_items_when_reviewing_then_the_claimed_and_in_a_dispute_those_decided_or_closed_for_want_of_time() -> None:
    items = [
        {"record": "a", "state": "claimed"},
        {"record": "b", "state": "recognised"},
        {"record": "c", "state": "refused"},
        {"record": "d", "state": "closed", "reason": "expired"},
        {"record": "e", "state": "closed", "reason": "revoked"},
        {"record": "f", "state": "recalling"},
    ]
    assert [item["record"] for item in to_decide(with_items("reviewing", *items))] == ["a"]
    assert [item["record"] for item in to_decide(with_items("disputed", *items))] == ["b", "c", "d"]
    assert to_recall(with_items("settled", *items)) == ["f"]
