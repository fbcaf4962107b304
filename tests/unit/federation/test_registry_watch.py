"""Changes between two trust files, files that go back, and what is about to run out."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import TrustError
from gateway.federation.members import RetiredWitness, SignedAgreement, Status
from gateway.federation.registry import TrustFile
from gateway.federation.registry_watch import Change, Expiry, diff, warnings
from tests.support.envelopes import JIANGSU, NOW, SHANGHAI
from tests.support.trust import END, GATEWAY, NEXT, START, bank, data, record, trust

OLD = trust()
DAY = timedelta(days=1)
BANK_32 = data().members[1]


def newer(**changes: Any) -> TrustFile:
    return trust(**({"serial": 2} | changes))


def test_diff_when_files_are_equal_or_only_reissued_then_finds_nothing() -> None:
    assert diff(OLD, trust()) == ()
    assert diff(OLD, newer()) == ()


def test_diff_when_a_key_is_added_revoked_or_rescheduled_then_names_each() -> None:
    keys = (record(SHANGHAI, revoked_at=NOW), record(NEXT))
    assert diff(OLD, newer(members=(bank("31", *keys), BANK_32))) == (
        Change("key.added", "CN-31", NEXT.kid),
        Change("key.revoked", "CN-31", SHANGHAI.kid),
    )
    changed = newer(members=(bank("31", record(SHANGHAI, not_after=END + DAY)), BANK_32))
    assert diff(OLD, changed) == (Change("key.changed", "CN-31", SHANGHAI.kid),)
    gateway = replace(data().gateway, keys=(record(GATEWAY), record(NEXT, revoked_at=NOW)))
    assert diff(OLD, newer(gateway=gateway)) == (Change("key.added", "CN-YRD", NEXT.kid), Change("key.revoked", "CN-YRD", NEXT.kid))


def test_diff_when_members_come_stop_resume_and_move_then_names_each() -> None:
    suspended = newer(members=(bank("31", record(SHANGHAI), status=Status.SUSPENDED), BANK_32, bank("33")))
    assert diff(OLD, suspended) == (Change("member.suspended", "CN-31"), Change("member.added", "CN-33"))
    back = trust(serial=3, members=(bank("31", record(SHANGHAI), contact="night desk"), BANK_32))
    assert diff(suspended, back) == (
        Change("member.resumed", "CN-31"),
        Change("member.changed", "CN-31"),
        Change("member.removed", "CN-33"),
    )


def test_diff_when_rota_or_agreements_change_then_names_each() -> None:
    (agreement,) = data().agreements
    added = newer(presiding=data().presiding[:1], agreements=(agreement, SignedAgreement("a-2", "{}", {})))
    assert diff(OLD, added) == (Change("presiding.changed", ""), Change("agreement.added", "a-2"))
    changed = trust(serial=3, presiding=data().presiding[:1], agreements=(replace(agreement, text="{}"),))
    assert diff(added, changed) == (Change("agreement.changed", "a-1"), Change("agreement.removed", "a-2"))


def test_diff_when_positions_become_known_then_is_no_change() -> None:
    placed = TrustFile(replace(OLD.with_positions({("CN-31", SHANGHAI.kid): (3, None)}).data, serial=2))
    assert diff(OLD, placed) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": 1, "expires_at": END},
        {"serial": 0},
        {"issued_at": NOW - DAY},
        {"members": (bank("31"), BANK_32)},
        {"members": (BANK_32,)},
        {"gateway": replace(data().gateway, id="CN-OTHER")},
        {"gateway": replace(data().gateway, keys=())},
    ],
)
def test_diff_when_new_file_goes_back_or_forgets_then_refuses(changes: dict[str, Any]) -> None:  # EN-72, EN-73
    with pytest.raises(TrustError) as caught:
        diff(OLD, newer(**changes))
    assert caught.value.code == "trust.registry_rewound"
    assert caught.value.problems


@pytest.mark.parametrize(
    "change",
    [{"revoked_at": None}, {"revoked_at": NOW - DAY}, {"log_from": 4}, {"log_from": None}, {"log_until": 9}, {"log_until": None}],
)
def test_diff_when_a_revocation_or_position_is_altered_then_refuses(change: dict[str, Any]) -> None:  # EN-73
    known = record(SHANGHAI, revoked_at=NOW, log_from=3, log_until=8)
    old = trust(members=(bank("31", known), BANK_32))
    with pytest.raises(TrustError) as caught:
        diff(old, newer(members=(bank("31", replace(known, **change)), BANK_32)))
    assert caught.value.code == "trust.registry_rewound"


@pytest.mark.parametrize(
    "change",
    [{"until": NOW}, {"log_until": 41}, {"log_until": None}, {"vkey": "bank-31.example/w+0a1b2c3d+AQ=="}],
)
def test_diff_when_a_retired_witness_key_comes_back_or_ends_later_then_refuses(change: dict[str, Any]) -> None:  # PR-373
    gone = RetiredWitness("bank-31.example/w+00000001+AQ==", NOW - DAY, 40)
    old = trust(members=(bank("31", record(SHANGHAI), witness_retired=(gone,)), BANK_32))
    assert diff(old, newer(members=(bank("31", record(SHANGHAI)), BANK_32)))  # left out: it fell into other hands
    members = (bank("31", record(SHANGHAI), witness_retired=(replace(gone, **change),)), BANK_32)
    if "vkey" in change:
        members = (bank("31", record(SHANGHAI), witness_vkey=gone.vkey), BANK_32)
    with pytest.raises(TrustError) as caught:
        diff(old, newer(members=members))
    assert caught.value.code == "trust.registry_rewound"


def keys_only(*keys: Any) -> TrustFile:
    return trust(
        members=(bank("31", *keys),), presiding=(), agreements=(), expires_at=END + 400 * DAY,
        gateway=replace(data().gateway, keys=(record(GATEWAY, not_after=END + 400 * DAY),)),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("left", "within"),
    [(31 * DAY, None), (30 * DAY, 30), (7 * DAY + timedelta(seconds=1), 30), (7 * DAY, 7), (DAY + timedelta(seconds=1), 7), (DAY, 1)],
)
def test_warnings_when_a_key_nears_its_end_then_tells_at_30_7_and_1_days(left: timedelta, within: int | None) -> None:
    found = warnings(keys_only(record(SHANGHAI)), END - left)
    assert found == (() if within is None else (Expiry("key", "CN-31", SHANGHAI.kid, END, within, covered=False),))


def test_warnings_when_the_last_key_has_run_out_then_says_so_until_another_is_there() -> None:
    (found,) = warnings(keys_only(record(SHANGHAI)), END)
    assert (found.within_days, found.covered) == (0, False)
    assert warnings(keys_only(record(SHANGHAI), record(NEXT, not_after=END + 100 * DAY)), END) == ()


def test_warnings_when_another_key_takes_over_then_says_covered() -> None:
    for start, covered in ((START, True), (END, True), (END + DAY, False)):
        found = warnings(keys_only(record(SHANGHAI), record(NEXT, not_before=start, not_after=END + 200 * DAY)), END - 5 * DAY)
        assert [(each.kid, each.covered) for each in found] == [(SHANGHAI.kid, covered)]


def test_warnings_when_a_revoked_key_nears_its_end_then_is_silent() -> None:
    assert warnings(keys_only(record(SHANGHAI, revoked_at=NOW)), END - DAY) == ()
    found = warnings(keys_only(record(SHANGHAI), record(NEXT, revoked_at=NOW, not_after=END + 100 * DAY)), END - DAY)
    assert [each.covered for each in found] == [False]


def test_warnings_when_file_and_rota_run_out_then_tells_both_soonest_first() -> None:
    found = warnings(trust(expires_at=END - 3 * DAY, members=(bank("31"), bank("32")), agreements=()), END - 5 * DAY)
    assert [(each.what, each.within_days) for each in found] == [("trust", 7), ("presiding", 7), ("key", 7)]
    assert warnings(trust(members=(bank("31", record(JIANGSU)),), presiding=(), agreements=()), NOW) == ()
