"""Packed maps do what a dict does, whatever stands where two rows meet."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.transferlog.packed import KEY_BYTES, PackedMap

KEYS = st.sampled_from([bytes([first, 0]) + bytes([last]) * (KEY_BYTES - 2) for first in (0, 7) for last in (0, 1, 7)])
STEPS = st.lists(st.tuples(st.sampled_from(["put", "pop", "get"]), KEYS, st.binary(min_size=3, max_size=3)), max_size=60)


@given(STEPS)
def test_packed_map_when_used_like_a_dict_then_says_the_same(steps: list[tuple[str, bytes, bytes]]) -> None:
    packed, plain = PackedMap(3), dict[bytes, bytes]()
    for step, key, value in steps:
        match step:
            case "put":
                assert packed.put(key, value) == (key not in plain)
                plain[key] = value
            case "pop":
                packed.pop(key)
                plain.pop(key, None)
            case _:
                assert packed.get(key) == plain.get(key)
        assert all((each in packed) == (each in plain) for each in (key, bytes(KEY_BYTES)))


def test_packed_map_when_bytes_stand_across_two_rows_then_they_are_no_key() -> None:
    seen = PackedMap(0)
    first, second = b"ab" + b"1" * 14, b"ab" + b"2" * 6 + b"ab" + b"3" * 6
    assert seen.put(first)
    assert seen.put(second)
    assert not seen.put(first)
    assert seen.put(b"ab" + b"4" * 14)
    assert (second + b"ab" + b"4" * 14)[8:24] not in seen
    assert b"ab" + b"3" * 6 not in seen
