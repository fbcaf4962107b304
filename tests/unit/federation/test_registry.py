"""The trust file: signature, who is who, which key counts when, who presides, whose agreement holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.crypto.keys import SigningKey
from gateway.errors import TrustError
from gateway.federation.envelope import open_envelope
from gateway.federation.members import SignedAgreement, Status, Turn
from gateway.federation.registry import TrustFile, sign_agreement
from tests.support.envelopes import JIANGSU, NOW, SHANGHAI, opened, sealed
from tests.support.trust import END, GATEWAY, NEXT, REGISTRY, START, TEXT, bank, data, record, trust

RAW, SIGNATURE = trust().sign(REGISTRY)
PINNED = [REGISTRY.verify_key]
MOMENT = timedelta(seconds=1)
JULY = datetime(2026, 7, 1, tzinfo=UTC)


def test_load_when_signed_by_the_pinned_key_then_gives_the_same_file() -> None:  # EN-70
    loaded = TrustFile.load(RAW, SIGNATURE, PINNED)
    assert loaded == trust()
    assert loaded.to_bytes() == RAW
    assert TrustFile.load(RAW, SIGNATURE + "\n", [NEXT.verify_key, REGISTRY.verify_key]) == loaded


def test_load_when_signature_is_anothers_or_over_other_bytes_then_refuses() -> None:  # EN-70
    for raw, signature, pinned in (
        (RAW + b" ", SIGNATURE, PINNED),
        (RAW, trust().sign(NEXT)[1], PINNED),
        (RAW, SIGNATURE, []),
        (RAW, SIGNATURE, [GATEWAY.verify_key]),
        (RAW, "", PINNED),
        (RAW, sign_agreement(REGISTRY, RAW.decode()), PINNED),
    ):
        with pytest.raises(TrustError) as caught:
            TrustFile.load(raw, signature, pinned)
        assert caught.value.code == "trust.bad_registry_signature"


@settings(max_examples=60)
@given(st.integers(0, len(RAW) - 1), st.integers(1, 255))
def test_load_when_one_byte_is_changed_then_refuses(place: int, flip: int) -> None:
    changed = RAW[:place] + bytes([RAW[place] ^ flip]) + RAW[place + 1 :]
    with pytest.raises(TrustError) as caught:
        TrustFile.load(changed, SIGNATURE, PINNED)
    assert caught.value.code == "trust.bad_registry_signature"


def test_load_when_file_is_over_its_limit_then_refuses_before_anything() -> None:
    with pytest.raises(TrustError) as caught:
        TrustFile.load(bytes(4 * 1024 * 1024 + 1), SIGNATURE, PINNED)
    assert caught.value.code == "trust.bad_registry"


def test_sign_when_no_reader_would_accept_it_then_raises() -> None:
    with pytest.raises(TrustError) as caught:
        trust(members=(bank("31"), bank("31")), presiding=(), agreements=()).sign(REGISTRY)
    assert caught.value.code == "trust.bad_registry"


@pytest.mark.parametrize(
    ("at", "index", "changes", "valid"),
    [
        (START - MOMENT, None, {}, False),
        (START, None, {}, True),
        (END - MOMENT, None, {}, True),
        (END, None, {}, False),
        (JULY - MOMENT, None, {"revoked_at": JULY}, True),
        (JULY, None, {"revoked_at": JULY}, False),
        (JULY, 5, {"revoked_at": JULY}, False),
        (JULY, 4, {"log_from": 5}, False),
        (JULY, 5, {"log_from": 5}, True),
        (JULY, 9, {"log_from": 5, "log_until": 10, "revoked_at": JULY - MOMENT}, True),
        (JULY, 10, {"log_from": 5, "log_until": 10, "revoked_at": JULY + MOMENT}, False),
        (JULY, 9, {"log_from": 5, "revoked_at": JULY}, False),
        (JULY, None, {"log_from": 5, "log_until": 10, "revoked_at": JULY}, False),
        (END, 7, {"log_from": 5, "log_until": 10}, False),
    ],
)
def test_key_valid_when_at_each_edge_then_is_judged_by_time_and_by_leaf(
    at: datetime, index: int | None, changes: dict[str, object], valid: bool
) -> None:  # EN-75, EN-76
    file = trust(members=(bank("31", record(SHANGHAI, **changes)),), presiding=(), agreements=())
    assert file.key_valid("CN-31", SHANGHAI.kid, at, index) is valid


def test_key_valid_when_windows_overlap_then_both_keys_count() -> None:  # EN-75
    keys = (record(SHANGHAI, not_after=JULY), record(NEXT, not_before=JULY - timedelta(days=14)))
    file = trust(members=(bank("31", *keys),), presiding=(), agreements=())
    for days, expected in ((-15, (True, False)), (-1, (True, True)), (0, (False, True))):
        at = JULY + timedelta(days=days)
        assert (file.key_valid("CN-31", SHANGHAI.kid, at), file.key_valid("CN-31", NEXT.kid, at)) == expected


def test_find_when_asked_for_members_and_keys_then_knows_its_own() -> None:
    file = trust()
    member = file.member("CN-31")
    assert member is not None
    assert member.name.zh == "31 行"
    assert file.member("CN-99") is None
    assert file.member("CN-YRD") is None
    assert file.find_key("CN-YRD", GATEWAY.kid) is not None
    assert file.find_key("CN-31", JIANGSU.kid) is None
    assert not file.key_valid("CN-31", JIANGSU.kid, NOW)


def test_finder_when_everything_is_in_order_then_messages_unseal() -> None:
    assert opened(sealed(), keys=trust().finder(NOW)).iss == "CN-31"
    assert opened(sealed("CN-32"), keys=trust().finder(NOW)).iss == "CN-32"


@pytest.mark.parametrize(
    ("code", "members"),
    [
        ("trust.unknown_member", (bank("32", record(JIANGSU)),)),
        ("trust.unknown_key", (bank("31", record(NEXT)), bank("32", record(SHANGHAI)))),
        ("trust.unknown_key", (bank("31"),)),
        ("trust.key_not_valid", (bank("31", record(SHANGHAI, revoked_at=NOW)),)),
        ("trust.key_not_valid", (bank("31", record(SHANGHAI, not_after=NOW)),)),
        ("trust.key_not_valid", (bank("31", record(SHANGHAI, not_before=NOW + MOMENT)),)),
        ("trust.suspended", (bank("31", record(SHANGHAI), status=Status.SUSPENDED),)),
    ],
)
def test_finder_when_key_does_not_count_then_unseal_says_why(code: str, members: tuple[object, ...]) -> None:  # EN-20 to EN-22
    with pytest.raises(TrustError) as caught:
        opened(sealed(), keys=trust(members=members).finder(NOW))
    assert caught.value.code == code


def test_finder_when_an_old_leaf_is_judged_then_todays_suspension_says_nothing() -> None:
    members = (bank("31", record(SHANGHAI, log_from=1, log_until=10, revoked_at=NOW), status=Status.SUSPENDED),)
    file = trust(members=members)
    assert open_envelope(sealed(), keys=file.finder(NOW, 9)).iss == "CN-31"
    with pytest.raises(TrustError):
        open_envelope(sealed(), keys=file.finder(NOW, 10))


def test_check_current_when_at_the_edge_then_holds_or_refuses() -> None:  # EN-71
    until = data().expires_at
    trust().check_current(until - MOMENT)
    with pytest.raises(TrustError) as caught:
        trust().check_current(until)
    assert caught.value.code == "trust.registry_expired"


def test_presiding_when_unit_is_a_party_then_the_next_in_the_rota_acts() -> None:  # EN-78
    file = trust()
    turn_ends = data().presiding[0].until
    assert file.presiding(START) == "CN-31"
    assert file.presiding(turn_ends - MOMENT) == "CN-31"
    assert file.presiding(turn_ends) == "CN-32"
    assert file.presiding(START, frozenset({"CN-31"})) == "CN-32"
    assert file.presiding(turn_ends, frozenset({"CN-32"})) == "CN-31"
    assert file.presiding(START, frozenset({"CN-31", "CN-32"})) is None
    assert file.presiding(END) is None


def test_signers_when_signatures_hold_or_not_then_counts_only_those_that_do() -> None:  # EN-80
    file = trust()
    (agreement,) = data().agreements
    assert file.signers(agreement) == {"CN-31", "CN-32"}
    assert file.signers(replace(agreement, text=TEXT + " ")) == frozenset()
    swapped = SignedAgreement("a-1", TEXT, {"CN-31": agreement.signatures["CN-32"], "CN-32": agreement.signatures["CN-32"]})
    assert file.signers(swapped) == {"CN-32"}
    run_out = trust(members=(bank("31", record(SHANGHAI, not_after=START + MOMENT)), bank("32", record(JIANGSU, revoked_at=JULY))))
    assert run_out.signers(agreement) == {"CN-31"}
    stranger = SignedAgreement("a-1", TEXT, {"CN-31": sign_agreement(SigningKey.from_seed(b"\x78" * 32), TEXT)})
    assert file.signers(stranger) == frozenset()


def test_with_positions_when_leaves_are_written_then_only_named_keys_move() -> None:
    placed = trust().with_positions({("CN-31", SHANGHAI.kid): (3, 8), ("CN-YRD", GATEWAY.kid): (0, None), ("CN-31", JIANGSU.kid): (1, 2)})
    found = [placed.find_key(*place) for place in (("CN-31", SHANGHAI.kid), ("CN-YRD", GATEWAY.kid), ("CN-32", JIANGSU.kid))]
    assert [(each.log_from, each.log_until) for each in found if each] == [(3, 8), (0, None), (None, None)]
    assert TrustFile.load(*placed.sign(REGISTRY), PINNED) == placed


def test_turn_when_rota_is_empty_then_nobody_presides() -> None:
    assert trust(presiding=()).presiding(NOW) is None
    assert trust(presiding=(Turn("CN-31", START, END),)).presiding(NOW, frozenset({"CN-31"})) is None
