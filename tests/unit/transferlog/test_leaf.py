"""The leaf's bytes: one spelling, everything refused that is another; commitments bind and hide (TL-1 to TL-5, TL-11, TL-14 to TL-18)."""

import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TransferLogError
from gateway.model.canonical import jcs
from gateway.model.transfer import TABLE
from gateway.transferlog.leaf import TYPES, Leaf, Opening, commit_record, leaf_bytes, open_field, parse_leaf, verify_opening
from gateway.transferlog.leaf_form import ENVELOPE_CHARS_MAX, ITEMS_MAX, at_text, parse_at

SECRET = bytes(range(32))
FIELDS = {"citizen": "11010519491231002X", "title": "电工(四级)", "credits": "4.0"}


def plain(leaf: Leaf) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(leaf_bytes(leaf))
    return shown


def test_leaf_written_and_read_back_is_the_same(shop: Any) -> None:
    for leaf in (shop.requested(1), shop.delivered(1), Leaf("log.opened", shop.moment(0), "log", 0, "CN-YRD", "opened")):
        raw = leaf_bytes(leaf)
        assert parse_leaf(raw) == leaf
        assert leaf_bytes(parse_leaf(raw)) == raw
        assert jcs(json.loads(raw)) == raw


def test_every_leaf_type_of_the_act_table_is_known() -> None:
    assert {kind for rule in TABLE for kind in rule.leaf} | {"transfer.requested"} <= set(TYPES)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_type_without_its_members_is_refused_with_every_missing_one(shop: Any, kind: str) -> None:
    signed, members = TYPES[kind]
    with_nothing = Leaf(kind, shop.moment(0), "scope", 0, "CN-31", "jti")
    if not signed and not members:
        assert parse_leaf(leaf_bytes(with_nothing)).known
        return
    with pytest.raises(TransferLogError, match=r"transferlog\.leaf_form") as caught:
        leaf_bytes(with_nothing)
    missing = {problem.path for problem in caught.value.problems}
    assert missing == members | ({"actor", "role", "kid", "envelope", "answer", "status"} if signed else set())


def test_further_leaf_of_an_act_names_its_cause_instead_of_the_envelope(shop: Any) -> None:
    bare = {"envelope": "", "kid": "", "content": (), "answer": "", "status": None, "actor": "", "role": ""}
    settled = shop.delivered(1, type="transfer.settled", n=1, **bare)
    with pytest.raises(TransferLogError, match=r"transferlog\.leaf_form") as caught:
        leaf_bytes(settled)
    assert [problem.path for problem in caught.value.problems] == ["cause"]
    assert leaf_bytes(shop.delivered(1, type="transfer.settled", n=1, cause=(shop.hexed("case 1"), 0), **bare))


def test_act_without_contents_has_a_leaf_without_content(shop: Any) -> None:
    assert parse_leaf(leaf_bytes(shop.delivered(1, content=()))).content == ()


def test_unknown_type_is_read_and_said_to_be_unknown(shop: Any) -> None:
    leaf = parse_leaf(leaf_bytes(Leaf("moon.landed", shop.moment(0), "moon", 0, "CN-31", "jti")))
    assert not leaf.known
    assert parse_leaf(leaf_bytes(shop.requested(1))).known


WRONG: list[tuple[str, Any]] = [
    ("type", "Transfer.requested"),
    ("type", "transfer"),
    ("type", 7),
    ("at", "2024-06-30T08:00:00Z"),
    ("at", "2024-02-30T08:00:00.000000Z"),
    ("at", "2024-06-30T08:00:00.000000+00:00"),
    ("at", "2024-06-30T24:00:00.000000Z"),
    ("at", None),
    ("scope", ""),
    ("scope", "a b"),
    ("scope", "学"),
    ("scope", "x" * 129),
    ("seq", -1),
    ("seq", True),
    ("seq", "1"),
    ("iss", ""),
    ("jti", "x\n"),
    ("cause", ["a"]),
    ("cause", ["a", "0"]),
    ("role", "Facing"),
    ("envelope", "a.b"),
    ("envelope", "a.b.c="),
    ("envelope", "a.b." + "c" * ENVELOPE_CHARS_MAX),
    ("content", []),
    ("content", [["request", "00", 1]]),
    ("content", [["request", "0" * 64, -1]]),
    ("content", [["a", "0" * 64, 1], ["a", "1" * 64, 1]]),
    ("content", {"a": 1}),
    ("answer", "0" * 63),
    ("answer", "A" * 64),
    ("status", 99),
    ("status", 600),
    ("status", True),
    ("status", None),
    ("state_before", "Open"),
    ("state_after", None),
    ("ver", -1),
    ("deadline", ""),
    ("mapping", ["id"]),
    ("mapping", "id"),
    ("rules", ""),
    ("totals", {}),
    ("totals", {"submitted": "1", "recognised": "1", "refused": "0", "closed": "0", "pending": 0}),
    ("totals", {"submitted": "01", "recognised": "01", "refused": "0", "closed": "0", "pending": "0"}),
    ("totals", {"submitted": "-1", "recognised": "-1", "refused": "0", "closed": "0", "pending": "0"}),
    ("totals", {"submitted": "1e3", "recognised": "1e3", "refused": "0", "closed": "0", "pending": "0"}),
    ("items", []),
    ("items", [["x", "", "claimed"]]),
    ("items", [["b" * 64, "", "claimed"], ["a" * 64, "", "claimed"]]),
    ("items", [["a" * 64, "", "claimed"], ["a" * 64, "", "closed"]]),
    ("items", [["a" * 64, "", "Claimed"]]),
    ("items", [["", "", "claimed"]] * (ITEMS_MAX + 1)),
    ("facts", {}),
    ("facts", {"a": None}),
    ("facts", {"a": ["b"]}),
    ("facts", {"A": 1}),
    ("facts", {"a": "x" * 4_097}),
    ("facts", 1),
    ("surprise", 1),
    ("v", 2),
    ("v", True),
]


@pytest.mark.parametrize(("member", "value"), WRONG)
def test_member_with_a_value_it_cannot_have_is_refused(shop: Any, member: str, value: Any) -> None:
    shown = plain(shop.requested(1)) | {member: value}
    with pytest.raises(TransferLogError, match=r"transferlog\.leaf_(form|version)") as caught:
        parse_leaf(jcs(shown))
    if member != "v":
        assert [problem.path for problem in caught.value.problems] == [member]


def test_all_wrong_members_are_named_at_once(shop: Any) -> None:
    with pytest.raises(TransferLogError) as caught:
        leaf_bytes(shop.requested(1, seq=-1, status=7, answer="x"))
    assert {problem.path for problem in caught.value.problems} == {"seq", "status", "answer"}


@pytest.mark.parametrize(
    ("given_totals", "holds"),
    [
        ({"submitted": "4.0", "recognised": "1", "refused": "1.50", "closed": "0.5", "pending": "1"}, True),
        ({"submitted": "0.3", "recognised": "0.1", "refused": "0.2"}, True),
        ({"submitted": "4.0", "recognised": "4.00000001"}, False),
        ({"submitted": "999999999999.99999999", "recognised": "999999999999.99999998"}, False),
        ({"submitted": "1"}, False),
    ],
)
def test_totals_add_up_exactly_or_the_leaf_is_refused(shop: Any, given_totals: dict[str, str], holds: bool) -> None:
    leaf = shop.requested(1, totals=shop.totals(**given_totals))
    if holds:
        assert leaf_bytes(leaf)
        return
    with pytest.raises(TransferLogError, match=r"transferlog\.totals_broken"):
        leaf_bytes(leaf)
    shown = plain(shop.requested(1)) | {"totals": shop.totals(**given_totals)}
    with pytest.raises(TransferLogError, match=r"transferlog\.totals_broken"):
        parse_leaf(jcs(shown))


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"1",
        b"null",
        b'{"v":1,"v":1}',
        b'{"v":1.0}',
        b'{"v":1 }',
        b'{"v":NaN}',
        b'{"b":1,"a":1}',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a":"\\ud800"}',
        b'{"a":"\\u0041"}',
        b'{"a":1e2}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        '{"学":1}'.encode(),
        b'{"a":9007199254740992}',
        b"{",
        b"{}\n",
    ],
)
def test_bytes_that_are_no_canonical_object_are_refused(raw: bytes) -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.leaf_canonical"):
        parse_leaf(raw)


def test_leaf_length_is_bounded(shop: Any) -> None:
    for raw in (b"", b"x" * 65_536):
        with pytest.raises(TransferLogError, match=r"transferlog\.leaf_size"):
            parse_leaf(raw)
    long = {f"f{n}": "x" * 4_000 for n in range(17)}
    with pytest.raises(TransferLogError, match=r"transferlog\.leaf_size"):
        leaf_bytes(shop.requested(1, facts=long))


def test_most_items_and_the_longest_envelope_fit_together(shop: Any) -> None:
    items = tuple(sorted((shop.hexed(f"cm {n}"), shop.hexed(f"nf {n}"), "recognised") for n in range(ITEMS_MAX)))
    content = tuple((f"content-{n}", shop.hexed("sd"), 8 * 1024 * 1024) for n in range(8))
    assert leaf_bytes(shop.requested(1, items=items, envelope="a.b." + "c" * (ENVELOPE_CHARS_MAX - 4), content=content))


@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode))
def test_random_bytes_give_only_named_refusals(raw: bytes) -> None:
    with pytest.raises(TransferLogError):
        parse_leaf(raw)


def test_time_of_a_leaf_is_utc_with_six_digits() -> None:
    moment = datetime(2024, 6, 30, 16, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))
    assert at_text(moment) == "2024-06-30T08:00:00.000005Z"
    assert parse_at(at_text(moment)) == moment
    assert parse_at("2024-06-30T08:00:00.000000Z") == datetime(2024, 6, 30, 8, tzinfo=UTC)


def test_each_field_opens_and_no_other_value_does() -> None:
    commitment = commit_record(SECRET, FIELDS)
    assert len({open_field(SECRET, FIELDS, name).salt for name in FIELDS}) == len(FIELDS)
    for name in FIELDS:
        opening = open_field(SECRET, FIELDS, name)
        assert opening.salt == hmac.digest(SECRET, name.encode(), "sha256")
        verify_opening(commitment, opening)
        for wrong in (
            Opening(name, opening.value + "0", opening.salt, opening.others),
            Opening(name + "0", opening.value, opening.salt, opening.others),
            Opening(name, opening.value, bytes(32), opening.others),
            Opening(name, opening.value, opening.salt + opening.name.encode(), opening.others),
            Opening(name, opening.value, opening.salt, opening.others[1:]),
            Opening(name, opening.value, opening.salt, (*opening.others, bytes(32))),
            Opening(name, opening.value, opening.salt, (*opening.others[1:], b"short")),
            Opening(name, "\ud800", opening.salt, opening.others),
        ):
            with pytest.raises(TransferLogError, match=r"transferlog\.bad_opening"):
                verify_opening(commitment, wrong)


def test_commitment_does_not_depend_on_the_order_of_fields_and_does_on_the_secret() -> None:
    reordered = dict(reversed(FIELDS.items()))
    assert commit_record(SECRET, reordered) == commit_record(SECRET, FIELDS)
    assert commit_record(bytes(32), FIELDS) != commit_record(SECRET, FIELDS)


def test_moving_a_character_between_name_and_value_changes_the_commitment() -> None:
    assert commit_record(SECRET, {"ab": "c"}) != commit_record(SECRET, {"a": "bc"})
    assert commit_record(SECRET, {"a": "b", "c": ""}) != commit_record(SECRET, {"a": "", "c": "b"})


def test_letter_moved_between_name_and_value_under_the_same_salt_does_not_open() -> None:
    opening = open_field(SECRET, {"ab": "c"}, "ab")
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_opening"):
        verify_opening(commit_record(SECRET, {"ab": "c"}), Opening("a", "bc", opening.salt, ()))


def test_salt_stretched_over_name_and_value_does_not_open_another_field() -> None:
    # A bank could hide a second field inside a value; only the fixed length of salts stops it.
    value = "\0\0\0\x01b\0\0\0\x01c"
    fields = {"a": value}
    salt = open_field(SECRET, fields, "a").salt
    stretched = Opening("b", "c", salt + b"\0\0\0\x01a" + len(value).to_bytes(4, "big"), ())
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_opening"):
        verify_opening(commit_record(SECRET, fields), stretched)


def test_commitments_cut_at_another_place_do_not_open() -> None:
    for n in range(64):
        secret = bytes([n]) * 32
        opening = open_field(secret, FIELDS, "title")
        first, second = opening.others
        cut = Opening(opening.name, opening.value, opening.salt, (first + second[:1], second[1:]))
        with pytest.raises(TransferLogError, match=r"transferlog\.bad_opening"):
            verify_opening(commit_record(secret, FIELDS), cut)


def test_field_that_is_not_there_cannot_be_opened() -> None:
    with pytest.raises(KeyError):
        open_field(SECRET, FIELDS, "name")
