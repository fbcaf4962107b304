"""Zhejiang feeds: interleaved learners, each with a whole chain, and every row accounted for."""

import pytest

from gateway.adapters.contract import Feed
from gateway.errors import FormatError, RecordError
from tests.support.json_provinces import (
    CODE,
    NO_MANIFEST,
    OTHER_CODE,
    ROOT,
    batch,
    chained,
    deposit,
    encode,
    revoke,
    zhejiang,
)

FEEDS = ROOT / "gateway/adapters/zhejiang/samples/feed"
ONE, OTHER = CODE.replace("-", ""), OTHER_CODE.replace("-", "")


def split(value: bytes | object) -> Feed:
    adapter = zhejiang()
    feed = adapter.split(value if isinstance(value, bytes) else encode(value), NO_MANIFEST, {})
    shown = sum(len(part.rows) for part in feed.parts)
    assert feed.rows_read == shown + len(feed.quarantined) + len(feed.ignored)
    for part in feed.parts:
        read = adapter.parse(part.content, part.manifest)
        assert read.learner.account == part.learner_key
        assert read.quarantined == ()
    return feed


def test_split_when_learners_interleave_then_one_part_each_and_a_gap_stays_its_learners() -> None:
    feed = split((FEEDS / "three-learners-interleaved.json").read_bytes())
    assert [(part.learner_key, part.rows) for part in feed.parts] == [(ONE, (1, 4)), (OTHER, (2, 5))]
    assert [(q.row, q.problems[0].code) for q in feed.quarantined] == [
        (3, "record.chain_gap"),
        (6, "record.chain_gap"),
        (7, "record.unknown_code"),
        (8, "record.chain_form"),
    ]
    assert [(left.row, left.rule) for left in feed.ignored] == [(9, "repeated_row")]


def test_split_when_a_row_is_damaged_then_its_link_keeps_the_chain_whole() -> None:
    feed = split(batch(chained(deposit(1), deposit(2, achType="HOBBY"), deposit(3))))
    part = zhejiang().parse(feed.parts[0].content, NO_MANIFEST)
    assert [r.record_id for r in part.records] == ["ZJA-0001", "ZJA-0003"]
    assert [(left.row, left.rule) for left in part.ignored] == [(2, "chain_link")]


def test_split_when_one_learner_then_the_entries_as_they_came() -> None:
    sample = (ROOT / "gateway/adapters/zhejiang/samples/good/zj.json").read_bytes()
    feed = split(sample)
    assert [part.content for part in feed.parts] == [sample]
    assert feed.warnings == ("chain_start_configured",)


def test_split_when_pages_then_joined_by_learner() -> None:
    entries = chained(deposit(1), deposit(2), revoke(1))
    other = chained(deposit(9, code=OTHER_CODE))
    feed = split([batch(entries[:1]), batch([other[0], *entries[1:]])])
    assert [(part.learner_key, part.rows) for part in feed.parts] == [(ONE, (1, 3, 4)), (OTHER, (2,))]


def test_split_when_a_deposit_is_repeated_higher_up_then_it_stays_in_the_chain() -> None:
    feed = split(batch(chained(deposit(1), deposit(1), deposit(2))))
    assert [part.rows for part in feed.parts] == [(1, 2, 3)]


def test_split_when_nothing_of_a_learner_is_good_then_no_part() -> None:
    feed = split(batch(chained(deposit(1, title=None))))
    assert feed.parts == ()
    assert len(feed.quarantined) == 1


@pytest.mark.parametrize("code", ["ZX7K-3M9Q-P4T0-001S", None, 7])
def test_split_when_the_learner_cannot_be_read_then_quarantined(code: object) -> None:
    entry = deposit(1) | {"learner": {"zheXueMa": code}}
    assert [q.row for q in split(batch([*chained(entry), *chained(deposit(2))])).quarantined] == [1]


def test_split_when_a_link_names_no_learner_then_quarantined() -> None:
    assert [q.row for q in split(batch([chained(deposit(1))[0]["chain"]])).quarantined] == [1]


def test_split_when_the_page_head_is_wrong_then_refused() -> None:
    for value in ({}, [1], batch([], version="9"), batch([], count=1)):
        with pytest.raises(RecordError):
            zhejiang().split(encode(value), NO_MANIFEST, {})


def test_split_when_no_json_then_refused() -> None:
    with pytest.raises(FormatError):
        zhejiang().split(b"{", NO_MANIFEST, {})
