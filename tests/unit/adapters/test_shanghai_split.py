"""Shanghai feeds: one part a learner, and every row accounted for."""

import pytest

from gateway.adapters.contract import Feed
from gateway.errors import FormatError
from tests.support.json_provinces import CB_ID, NO_MANIFEST, OTHER_CB_ID, ROOT, credit, encode, push, shanghai

FEEDS = ROOT / "gateway/adapters/shanghai/samples/feed"


def split(content: bytes) -> Feed:
    feed = shanghai().split(content, NO_MANIFEST, {})
    shown = sum(len(part.rows) for part in feed.parts)
    assert feed.rows_read == shown + len(feed.quarantined) + len(feed.ignored)
    for part in feed.parts:
        read = shanghai().parse(part.content, part.manifest)
        assert read.learner.account == part.learner_key
        assert len(read.records) == len(part.rows) == read.rows_read
    return feed


def test_split_when_one_push_then_one_part() -> None:
    feed = split(encode(push(credit(1), credit(2))))
    assert [(part.learner_key, part.rows) for part in feed.parts] == [(CB_ID, (1, 2))]


def test_split_when_an_array_then_the_latest_push_overwrites() -> None:
    feed = split((FEEDS / "array-with-overwrite.json").read_bytes())
    assert [(part.learner_key, part.rows) for part in feed.parts] == [("100238845540", (1, 5, 2)), ("100238845541", (3,))]
    assert [(left.row, left.rule) for left in feed.ignored] == [(4, "overwritten")]
    first = shanghai().parse(feed.parts[0].content, NO_MANIFEST)
    assert first.records[0].values["course_score"] == 61
    assert first.values["trace_no"] == "20240902080000000009"


def test_split_when_one_push_a_line_then_damaged_lines_are_quarantined() -> None:
    feed = split((FEEDS / "one-push-a-line.ndjson").read_bytes())
    assert [(part.learner_key, part.rows) for part in feed.parts] == [("100238845540", (1, 2)), ("100238845542", (6,))]
    assert [(q.row, [p.code for p in q.problems]) for q in feed.quarantined] == [
        (3, ["format.json"]),
        (4, ["record.account_form"]),
        (5, ["record.account_form"]),
        (7, ["record.wrong_type"]),
    ]


def test_split_when_two_learners_claim_one_id_then_neither_gets_it() -> None:
    feed = split(encode([push(credit(1), credit(2)), push(credit(1), cb_id=OTHER_CB_ID)]))
    assert [(part.learner_key, part.rows) for part in feed.parts] == [(CB_ID, (2,))]
    assert [(q.row, q.problems[0].code) for q in feed.quarantined] == [(1, "record.duplicate_id"), (3, "record.duplicate_id")]


def test_split_when_a_correction_is_damaged_then_the_old_row_does_not_go_out() -> None:
    feed = split((FEEDS / "correction-damaged.json").read_bytes())
    assert [part.rows for part in feed.parts] == [(2,)]
    assert [q.row for q in feed.quarantined] == [1, 3]


def test_split_when_equally_late_then_the_later_position_wins() -> None:
    feed = split(encode([push(credit(1)), push(credit(1, course_score=60))]))
    assert [part.rows for part in feed.parts] == [(2,)]


@pytest.mark.parametrize("content", [b"", b"{", b"\n\n", b'{\n "channel": 1,\n', b"not json\nnot json either\n", b"[" * 100])
def test_split_when_nothing_in_it_is_json_then_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        shanghai().split(content, NO_MANIFEST, {})


def test_split_when_the_feed_is_too_large_then_refused() -> None:
    with pytest.raises(FormatError) as caught:
        shanghai(feed_bytes_max=1024).split(b" " * 1025, NO_MANIFEST, {})
    assert caught.value.code == "format.too_large"


def test_split_when_elements_are_no_pushes_then_each_is_a_quarantined_row() -> None:
    feed = split(encode([1, None, [], {}, push(credit(1))]))
    assert [q.row for q in feed.quarantined] == [1, 2, 3, 4]
    assert feed.rows_read == 5
