"""Each checker says so when what it watches does not hold: one run's evidence, spoiled in one place at a time."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.region import region as world_of
from support.region import tools
from support.stages import stage

from gateway.crypto.sealing import KeyEncryptionKey
from gateway.model.transfer import State
from gateway.simulator import checkers, region
from gateway.simulator.checkers import CHECKERS, check_all
from gateway.simulator.faults import HOURS
from gateway.simulator.forgetting import Lost
from gateway.simulator.log_checkers import change_found
from gateway.simulator.rebuilding import differing
from gateway.simulator.scenario import run
from gateway.simulator.testimony import Evidence
from gateway.storage.rows import DifferenceRow
from gateway.transferlog.audit import AuditReport, Finding
from gateway.transferlog.leaf import Leaf, leaf_bytes, parse_leaf

SEED = 6
UNSIGNED: dict[str, Any] = {
    "envelope": "",
    "kid": "",
    "answer": "",
    "status": None,
    "content": (),
    "role": "gateway",
    "cause": ("ab" * 32, 0),
}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    kept: list[Evidence] = []
    assert run(SEED, kept=kept).wrong == ()
    return kept[0]


def with_leaves(evidence: Evidence, *more: Leaf) -> Evidence:
    return replace(evidence, export=replace(evidence.export, leaves=[*evidence.export.leaves, *map(leaf_bytes, more)]))


def leaf_of(evidence: Evidence, kind: str) -> Leaf:
    return next(leaf for leaf in evidence.leaves if leaf.type == kind)


def settled(evidence: Evidence) -> tuple[str, Any]:
    """A case in which something was awarded."""
    return next(each for each in evidence.cases.items() if each[1]["state"] == "settled" and each[1]["totals"]["awarded"] != "0")


def another_award(evidence: Evidence) -> Evidence:
    transfer, case = settled(evidence)
    items = [{**item, "awarded": "99"} if "awarded" in item else item for item in case["items"]]
    return replace(evidence, cases={**evidence.cases, transfer: {**case, "items": items}})


def other_totals(evidence: Evidence) -> Evidence:
    transfer, case = settled(evidence)
    return replace(evidence, cases={**evidence.cases, transfer: {**case, "totals": {**case["totals"], "closed": "99"}}})


def held_by_two(evidence: Evidence) -> Evidence:
    decided = next(leaf for leaf in evidence.leaves if leaf.type == "transfer.decided" and any(s == "recognised" for _, _, s in leaf.items))
    return with_leaves(evidence, replace(decided, scope="f" * 64))


def first_outbox(evidence: Evidence, **changes: Any) -> Evidence:
    member, record = next(
        (member, record) for member, record in evidence.banks.items() if any(row.state == "done" for row in record.outbox)
    )
    place = next(place for place, row in enumerate(record.outbox) if row.state == "done")
    rows = [row._replace(**changes) if at == place else row for at, row in enumerate(record.outbox)]
    return replace(evidence, banks={**evidence.banks, member: replace(record, outbox=rows)})


def spoken_by_another(evidence: Evidence) -> Evidence:
    leaves = [replace(leaf, jti="A" * 22) if leaf.type == "transfer.requested" else leaf for leaf in evidence.leaves]
    return replace(evidence, export=replace(evidence.export, leaves=list(map(leaf_bytes, leaves))))


def bad_audit(evidence: Evidence) -> Evidence:
    report = AuditReport(1, finding=Finding(0, 0, "transferlog.leaf_changed", "叶被改动", "the leaf was changed"))
    return replace(evidence, export=replace(evidence.export, report=report))


def another_way(evidence: Evidence) -> Evidence:
    """A decision that ended where no decision leads."""
    leaf = leaf_of(evidence, "transfer.decided")
    return with_leaves(evidence, replace(leaf, jti="A" * 22, state_after="supplementing"))


def item_open(evidence: Evidence, state: str) -> Evidence:
    transfer, case = settled(evidence)
    items = [{**case["items"][0], "state": state}, *case["items"][1:]]
    return replace(evidence, cases={**evidence.cases, transfer: {**case, "items": items}})


SPOILS: dict[str, Callable[[Evidence], Evidence]] = {
    "nothing_unexpected": lambda evidence: replace(evidence, unexpected=["gateway answers 500"]),
    "log_audits": bad_audit,
    "checkpoints_extend": lambda evidence: replace(evidence, heads=[(1, bytes(32)), *evidence.heads]),
    "receipts_provable": lambda evidence: first_outbox(evidence, answer=b'{"iss":"CN-31"}'),
    "signed_by_their_banks": spoken_by_another,
    "nothing_decided_twice": lambda evidence: with_leaves(evidence, replace(leaf_of(evidence, "transfer.decided"), seq=99)),
    "no_outcome_twice": held_by_two,
    "losses_named": lambda evidence: replace(evidence, lost=[*evidence.lost, Lost("CN-31", 99, "A" * 22)]),
    "counts_agree": lambda evidence: replace(evidence, miscounted=["reached/2026-11-02/CN-31/CN-32/settled"]),
    "log_rebuilds": lambda evidence: replace(evidence, differing=["transfer abababab: state is posting, by the log settled"]),
    "credits_conserved": other_totals,
    "banks_agree": another_award,
    "by_the_table": another_way,
    "timers_hold_still": lambda evidence: replace(
        with_leaves(evidence, replace(leaf_of(evidence, "transfer.decided"), type="transfer.expired", seq=99, **UNSIGNED)),
        jumps=[(0, 10**6)],
    ),
    "consents_respected": lambda evidence: with_leaves(
        evidence, replace(leaf_of(evidence, "transfer.decided"), at="2036-01-01T00:00:00.000000Z")
    ),
    "nothing_left_open": lambda evidence: item_open(evidence, "recalling"),
    "everything_told": lambda evidence: first_outbox(evidence, state="failed", last_error="trust.bad_signature"),
    "nothing_personal": lambda evidence: replace(evidence, logged=[{"event": "told", "who": evidence.learners[0].citizen_id}]),
}


def test_checkers_when_listed_then_each_has_its_spoiled_evidence() -> None:
    assert {checker.__name__ for checker in CHECKERS} == set(SPOILS)


@pytest.mark.parametrize("name", SPOILS)
def test_checker_when_its_evidence_is_spoiled_then_it_says_so(evidence: Evidence, name: str) -> None:
    checker = getattr(checkers, name)
    assert checker(evidence) == []
    assert checker(SPOILS[name](evidence)) != []


@pytest.mark.parametrize("field", ["citizen_id", "name"])
def test_personal_values_when_in_leaf_or_file_then_found(evidence: Evidence, field: str) -> None:
    value = getattr(evidence.learners[0], field).encode()
    assert checkers.nothing_personal(replace(evidence, stored=b"..." + value)) != []
    leaves = [*evidence.export.leaves, value]
    assert checkers.nothing_personal(replace(evidence, export=replace(evidence.export, leaves=leaves))) != []


async def test_rebuilding_when_a_row_is_changed_by_hand_then_the_difference_is_named(tmp_path: Path) -> None:
    async with world_of(tmp_path) as world:
        case = await stage(world, State.SETTLED)
        file, size = world.folder / "data" / "gateway.db", world.gateway.ledger.size
        key = KeyEncryptionKey.load(world.folder / "keys" / "master.key")
        leaves = await world.gateway.receiver.reading.entries(0, size)
        assert await differing(file, key, tools().standard, leaves) == []
        for statement, said in (
            ("UPDATE transfer SET state = 'posting'", f"transfer {case.transfer[:8]}: state is posting, by the log settled"),
            ("UPDATE transfer SET state = 'settled'", ""),
            ("UPDATE item SET state = 'refused' WHERE position = 0", "state is refused, by the log recognised"),
            ("UPDATE item SET state = 'recognised' WHERE position = 0", ""),
            ("UPDATE outcome SET state = 'reserved'", "outcome "),
        ):
            with closing(sqlite3.connect(file)) as hand, hand:
                hand.execute(statement)
            told = await differing(file, key, tools().standard, leaves)
            assert any(said in each for each in told) if said else told == [], (statement, told)


def test_log_when_shorter_than_a_head_that_was_seen_then_found(evidence: Evidence) -> None:
    shorter = replace(evidence, export=replace(evidence.export, leaves=evidence.export.leaves[:-1]))
    assert checkers.checkpoints_extend(shorter) != []
    assert checkers.receipts_provable(replace(shorter, export=replace(shorter.export, leaves=shorter.export.leaves[:3]))) != []


def test_bookings_when_one_bank_lacks_its_own_then_found(evidence: Evidence) -> None:
    transfer, case = settled(evidence)
    bank = evidence.banks[case["source"]].bank
    posted = bank.posted.pop((transfer, "source"))
    try:
        assert any("booked as source 0" in sentence for sentence in checkers.banks_agree(evidence))
    finally:
        bank.posted[transfer, "source"] = posted


def test_differences_when_nothing_was_lost_then_told_as_false_alarms(evidence: Evidence) -> None:
    found = DifferenceRow("CN-31", "state", "ab" * 32, "", "settled 7", "posting 7", "", "", "", "")
    (told,) = checkers.losses_named(replace(evidence, differences=[*evidence.differences, found]))
    assert told.startswith("CN-31 state abababab")


def test_changed_leaf_when_not_found_or_another_is_named_then_told() -> None:
    assert change_found(3, AuditReport(9)) != []
    assert change_found(3, AuditReport(9, finding=Finding(4, 8, "transferlog.leaf_changed", "改", "changed"))) != []
    assert change_found(3, AuditReport(9, finding=Finding(0, 8, "transferlog.leaf_changed", "改", "changed"))) == []


def test_all_checks_when_nothing_is_spoiled_then_silent(evidence: Evidence) -> None:
    assert check_all(evidence) == []
    assert parse_leaf(evidence.export.leaves[0]).type == "log.opened"


def test_case_when_an_item_waits_or_it_is_open_then_told(evidence: Evidence) -> None:
    assert checkers.nothing_left_open(item_open(evidence, "claimed")) != []
    transfer, case = settled(evidence)
    posting = replace(evidence, cases={**evidence.cases, transfer: {**case, "state": "posting"}})
    assert checkers.nothing_left_open(posting) != []
    contested = [{**case["items"][0], "contested": True}, *case["items"][1:]]
    assert checkers.nothing_left_open(replace(evidence, cases={**evidence.cases, transfer: {**case, "items": contested}})) != []


def test_decision_when_the_source_bank_heard_another_then_told(evidence: Evidence) -> None:
    """Only its last notice counts: the earlier ones told of what no longer stands."""
    transfer, case = settled(evidence)
    record = evidence.banks[case["source"]]
    deaf = replace(record, inbox=[row for row in record.inbox if row.scope != transfer])
    told = checkers.banks_agree(replace(evidence, banks={**evidence.banks, case["source"]: deaf}))
    assert any("accepting and source bank differ" in sentence for sentence in told)


def test_decision_when_logged_twice_or_taken_twice_then_told(evidence: Evidence) -> None:
    member, record = next(
        (member, record) for member, record in evidence.banks.items() if any(row.act == "decide" for row in record.outbox)
    )
    row = next(row for row in record.outbox if row.act == "decide" and row.state == "done")
    twice = replace(evidence, banks={**evidence.banks, member: replace(record, outbox=[*record.outbox, row])})
    assert any("decisions were taken" in sentence for sentence in checkers.nothing_decided_twice(twice))
    posted = with_leaves(evidence, replace(leaf_of(evidence, "transfer.posted"), seq=99))
    assert any("posted twice" in sentence for sentence in checkers.nothing_decided_twice(posted))


def test_cases_when_they_do_not_end_in_time_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region.Region, "_left_open", still_open)
    assert any(sentence.startswith("all_end") for sentence in run(SEED, replace(HOURS, ends_s=HOURS.watch_s)).wrong)


async def still_open(_region: region.Region, _attended: dict[str, tuple[int, int]]) -> list[str]:
    return ["a case"]
