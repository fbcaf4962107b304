"""What was signed held against what is said now: a table of every way in which they can differ."""

from typing import Any

import pytest

from gateway.client.differences import Differences, differences, says_the_same
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, LocalValue, Operation


def part(*records: LocalRecord) -> LocalPart:
    return LocalPart("jiangsu", "1.4", LocalLearner("A"), {}, records)


def row(score: LocalValue, operation: Operation = Operation.DEPOSIT, **values: LocalValue) -> LocalRecord:
    return LocalRecord("R", operation, 1, "CG", {"CJ": score, "@XH": "1", "@CZ": "X", **values})


CLAIMED, RECOGNISED = {"state": "claimed"}, {"state": "recognised"}
CLOSED = {"state": "closed", "reason": "quarantined"}
NOW: dict[str, tuple[dict[str, Any], LocalRecord | None, LocalRecord | None, str, Differences]] = {
    "the same": (CLAIMED, row("良"), row("良"), "", Differences()),
    "elsewhere in its batch, and called a change": (
        CLAIMED,
        row("良"),
        row("良", Operation.CHANGE, **{"@XH": "7", "@CZ": "G"}),
        "",
        Differences(),
    ),
    "another place in a chain": (CLAIMED, row("良", **{"chain.height": 1}), row("良", **{"chain.height": 9}), "", Differences()),
    "corrected": (CLAIMED, row("良"), row("优"), "", Differences(changed=("R",))),
    "corrected after the decision": (RECOGNISED, row("良"), row("优"), "", Differences(changed=("R",))),
    "cancelled": (RECOGNISED, row("良"), row("良", Operation.CANCEL), "", Differences(void=("R",))),
    "gone and void": (CLAIMED, row("良"), None, "revoked", Differences(void=("R",))),
    "gone": (CLAIMED, row("良"), None, "unknown_record", Differences(doubts={"R": "unknown_record"})),
    "damaged": (CLAIMED, row("良"), None, "quarantined", Differences(doubts={"R": "quarantined"})),
    "kept back and sound": (CLOSED, None, row("良"), "", Differences(mended=("R",))),
    "kept back and damaged still": (CLOSED, None, None, "quarantined", Differences()),
    "kept back and cancelled": (CLOSED, None, row("良", Operation.CANCEL), "", Differences()),
    "closed for another reason": ({"state": "closed", "reason": "no_agreement"}, row("良"), row("优"), "", Differences()),
    "recalled already": ({"state": "recalled"}, row("良"), row("良", Operation.CANCEL), "", Differences()),
    "refused with its case, and sound": ({}, None, row("良"), "", Differences(mended=("R",))),
    "refused with its case, and sent": ({}, row("良"), row("优"), "", Differences()),
}


@pytest.mark.parametrize("name", NOW)
def test_record_when_compared_then_what_follows_is_as_the_table_says(name: str) -> None:
    item, before, after, gone, wanted = NOW[name]
    items = {"R": item} if item else {}
    was, now = part(*([before] if before else [])), part(*([after] if after else []))
    assert differences(("R",), items, was, now, {"R": gone} if gone else {}) == wanted


def test_parts_when_nothing_is_there_then_nothing_differs_but_what_is_gone() -> None:
    assert differences(("R",), {"R": CLAIMED}, None, None, {}) == Differences(doubts={"R": "unknown_record"})
    assert says_the_same(part(row("良")), part(row("良", **{"@XH": "3"})))
    assert not says_the_same(part(row("良")), part(row("优")))
    assert not says_the_same(part(row("良")), part())
