"""The hash chain: the rule on the sample, and every way to break a chain, named with its heights."""

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.zhejiang.chain import ZERO_HASH, Link, Start, check, extend, is_hash, is_height, payload_hash
from gateway.errors import RecordError
from tests.support.json_provinces import ROOT

SAMPLE = json.loads((ROOT / "gateway/adapters/zhejiang/samples/good/zj.json").read_bytes())
START = Start(1, ZERO_HASH)
HIGH = Start(100, "ab" * 32)


def links(count: int, height: int = 1, prev_hash: str = ZERO_HASH, first_row: int = 1) -> list[Link]:
    payloads = [{"n": height + number} for number in range(count)]
    triples = extend(height, prev_hash, payloads)
    return [Link(first_row + n, *triple, payload) for n, (triple, payload) in enumerate(zip(triples, payloads, strict=True))]


def refused(entries: list[Link], *starts: Start, account: str = "A") -> RecordError:
    with pytest.raises(RecordError) as caught:
        check(entries, starts or (START,), account)
    return caught.value


def test_payload_hash_when_the_sample_then_the_hashes_in_it() -> None:
    for entry in SAMPLE["records"]:
        assert payload_hash(entry["chain"]["prevHash"], entry["payload"]) == entry["chain"]["hash"]
    assert [entry["chain"]["height"] for entry in SAMPLE["records"]] == [880121, 880122, 880123]


def test_payload_hash_when_keys_stand_in_another_order_then_the_same() -> None:
    assert payload_hash(ZERO_HASH, {"b": 1, "a": "会"}) == payload_hash(ZERO_HASH, {"a": "会", "b": 1})


@pytest.mark.parametrize("payload", [{"a": 1.5}, {"a": 2**53}, {"会": 1}])
def test_payload_hash_when_there_is_no_canonical_form_then_refused(payload: dict[str, object]) -> None:
    error = refused([Link(1, 1, ZERO_HASH, "00" * 32, payload)])
    assert (error.code, error.facts["height"]) == ("record.not_canonical", 1)


def test_check_when_whole_then_links_by_height_in_whatever_order_they_stand() -> None:
    for entries in itertools.permutations(links(4)):
        assert check(list(entries), (START,), "A").links == tuple(links(4))


@given(st.integers(1, 8), st.data())
def test_check_when_some_payloads_are_withheld_then_still_whole(count: int, data: st.DataObject) -> None:
    entries = [replace(link, payload=None) if data.draw(st.booleans()) else link for link in links(count)]
    assert check(entries, (START,), "A").links == tuple(entries)


@given(st.integers(2, 8), st.data())
def test_check_when_an_inner_entry_is_missing_then_a_gap_with_its_heights(count: int, data: st.DataObject) -> None:
    entries = links(count + 1)
    missing = data.draw(st.integers(1, count - 1))
    del entries[missing]
    error = refused(entries)
    assert (error.code, error.facts) == ("record.chain_gap", {"missing_from": missing + 1, "missing_to": missing + 1})


@given(st.integers(1, 6), st.data())
def test_check_when_a_payload_is_changed_then_broken_at_its_height(count: int, data: st.DataObject) -> None:
    entries = links(count)
    place = data.draw(st.integers(0, count - 1))
    entries[place] = replace(entries[place], payload={"n": "changed"})
    error = refused(entries)
    assert (error.code, error.facts["height"]) == ("record.chain_broken", place + 1)


def test_check_when_a_link_leads_elsewhere_then_broken() -> None:
    entries = [*links(2), *links(1, 3, "cd" * 32)]
    assert (refused(entries).code, refused(entries).facts["height"]) == ("record.chain_broken", 3)


def test_check_when_a_height_is_skipped_though_the_hashes_link_then_a_gap() -> None:
    first = links(1)
    error = refused([*first, *links(1, 3, first[0].hash)])
    assert (error.code, error.facts) == ("record.chain_gap", {"missing_from": 2, "missing_to": 2})


def test_check_when_a_withheld_link_is_changed_then_broken_at_the_next() -> None:
    entries = links(3)
    entries[1] = replace(entries[1], payload=None, hash="ef" * 32)
    assert (refused(entries).code, refused(entries).facts["height"]) == ("record.chain_broken", 3)


def test_check_when_two_entries_share_a_height_then_a_fork() -> None:
    first = links(2)
    other = links(1, 2, first[0].hash)[0]
    fork = replace(other, row=9, payload={"n": "other"}, hash=payload_hash(first[0].hash, {"n": "other"}))
    for entries in ([*first, fork], [fork, *first]):
        assert (refused(entries).code, refused(entries).facts["height"]) == ("record.chain_fork", 2)


def test_check_when_the_same_link_shows_two_payloads_then_a_fork() -> None:
    entries = [*links(1), replace(links(1)[0], row=2, payload={"n": "other"})]
    assert refused(entries).code == "record.chain_fork"


def test_check_when_an_entry_is_repeated_then_told_once_and_the_shown_one_kept() -> None:
    shown, withheld = links(2), replace(links(2)[1], row=7, payload=None)
    chain = check([withheld, *shown, replace(shown[0], row=8)], (START,), "A")
    assert chain.links == tuple(shown)
    assert chain.repeated == (8, 7)


@pytest.mark.parametrize("start", [Start(2, ZERO_HASH), Start(1, "ab" * 32), Start(1, ZERO_HASH, "B")])
def test_check_when_the_start_is_not_trusted_then_refused(start: Start) -> None:
    error = refused(links(2), start)
    assert (error.code, error.facts["height"]) == ("record.chain_start", 1)


def test_check_when_the_start_is_for_this_account_then_trusted() -> None:
    assert check(links(2), (Start(1, ZERO_HASH, "A"),), "A").starts == (1,)


def test_check_when_it_starts_anew_at_a_trusted_height_then_told() -> None:
    entries = [*links(2), *links(2, HIGH.height, HIGH.prev_hash, first_row=3)]
    assert check(entries, (START, HIGH), "A").starts == (1, 100)
    assert refused(entries, START).code == "record.chain_gap"


def test_check_when_there_is_nothing_then_refused() -> None:
    assert refused([]).code == "record.chain_empty"


def test_is_hash_and_is_height_when_nearly_then_no() -> None:
    assert is_hash("0" * 64)
    assert not any(is_hash(value) for value in ("0" * 63, "A" * 64, "g" * 64, "0" * 64 + "\n", 0, None))
    assert is_height(0)
    assert not any(is_height(value) for value in (-1, True, "1", 2**53, 1.0, None))
