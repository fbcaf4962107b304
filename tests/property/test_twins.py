"""Likely twins for any items: symmetric, no record is its own twin, the order of records does not matter, and the list is bounded."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.dates import PartialDate
from gateway.model.regional import RegionalValue
from gateway.recognition.twins import BY_SOURCE, ONWARD, SHOWN_MAX, Candidate, alike, likely_twins, likeness

KEY = b"twins".ljust(32, b".")
MEMBERS = ("CN-31", "CN-32", "CN-33", "CN-34")
dates = st.none() | st.builds(PartialDate, st.integers(2021, 2023), st.integers(0, 12))


@st.composite
def candidates(draw: st.DrawFn, most: int = 8) -> list[Candidate]:
    found = []
    for number in range(draw(st.integers(1, most))):
        values: dict[str, RegionalValue] = {
            "kind": draw(st.sampled_from(["COURSE", "MOOC"])),
            "title": draw(st.sampled_from(["管理学基础", "管理学 基础", "会计学"])),
        }
        code, when = draw(st.sampled_from(["", "U1", "U2"])), draw(dates)
        values |= {"issuer.uscc": code} if code else {}
        values |= {"date.awarded": when} if when is not None else {}
        source, accepting = draw(st.permutations(MEMBERS))[:2]
        found.append(
            Candidate(
                transfer=draw(st.sampled_from(["t1", "t2", "t3"])),
                source=source,
                accepting=accepting,
                facing=source,
                leaf=number,
                record=f"r{number}",
                state=draw(st.sampled_from(["claimed", "recognised", "recalling"])),
                nf=draw(st.sampled_from([f"n{number}", "n0"])),
                strength=draw(st.sampled_from(["weak", "strong"])),
                alike=draw(st.sampled_from(["", likeness(KEY, draw(st.sampled_from(["p1", "p2"])), values)])),
                credits=draw(st.sampled_from([None, "2.0", "3.0"])),
            )
        )
    return found


@given(candidates())
def test_alike_when_asked_from_either_side_then_the_same(found: list[Candidate]) -> None:  # PR-280
    for one in found:
        assert alike(one, one) == ()
        for other in found:
            there, back = set(alike(one, other)), set(alike(other, one))
            assert bool(there) == bool(back)
            assert there - {BY_SOURCE, ONWARD} == back - {BY_SOURCE, ONWARD}


@given(candidates(), st.randoms())
def test_likely_twins_when_the_records_come_in_another_order_then_the_same_list(found: list[Candidate], chance: random.Random) -> None:
    """PR-280."""
    mine = [each for each in found if each.transfer == "t1"]
    first = likely_twins(mine, found)
    mixed, mixed_mine = list(found), list(mine)
    chance.shuffle(mixed)
    chance.shuffle(mixed_mine)
    assert likely_twins(mixed_mine, mixed) == first
    pairs = [(twin.record, twin.other.transfer, twin.other.record) for twin in first[0]]
    assert len(pairs) == len(set(pairs))
    assert all((record, transfer) != (other, "t1") for record, transfer, other in pairs)


@settings(max_examples=30)
@given(st.integers(0, SHOWN_MAX + 5), st.integers(1, 4))
def test_likely_twins_when_there_are_many_then_at_most_twenty_and_it_says_so(others: int, mine: int) -> None:  # PR-281
    text = likeness(KEY, "p", {"kind": "COURSE", "title": "管理学基础", "issuer.uscc": "U1"})
    one = Candidate("t1", "CN-31", "CN-32", "CN-31", 0, "m", "claimed", "n", "weak", text, "3.0")
    rest = [one._replace(transfer="t2", record=f"o{number}", nf=f"o{number}") for number in range(others)]
    own = [one._replace(record=f"m{number}", nf=f"m{number}") for number in range(mine)]
    found, more = likely_twins(own, rest)
    assert (len(found), more) == (min(others * mine, SHOWN_MAX), others * mine > SHOWN_MAX)
    assert likely_twins(own[::-1], rest[::-1]) == (found, more)
