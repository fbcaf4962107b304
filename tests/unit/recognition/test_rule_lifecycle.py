"""Draft, tested, approved, published, expired: each step, and each refusal of it."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.errors import Problem
from gateway.model.transfer import Refusal
from gateway.recognition.lifecycle import Council, RuleState, Version, approve, in_force, mark_tested, propose, publish, roll_back, withdraw

DAY = date(2026, 9, 1)
MEMBERS = ("CN-31", "CN-32", "CN-33", "CN-34")
DRAFT = Version("demo", "2026.2", "d1", "CN-32", date(2026, 10, 1), date(2028, 8, 31), "CN-32")


def council(*suspended: str, needed: int = 2) -> Council:
    return Council({member: member in suspended for member in MEMBERS}, needed)


def done(found: Version | Refusal) -> Version:
    assert isinstance(found, Version), found
    return found


def code(found: Version | Refusal) -> str:
    assert isinstance(found, Refusal), found
    return found.code


def ready() -> Version:
    return done(mark_tested(done(propose(DRAFT, (), council())), "d1", (), "s1"))


def approved(*members: str) -> Version:
    version = ready()
    for member in members:
        version = done(approve(version, member, "d1", council()))
    return version


def published() -> Version:
    return done(publish(approved("CN-31", "CN-33"), "CN-32", "d1", council(), DAY))


def test_version_when_all_steps_are_taken_then_published_and_later_expired():
    version = published()
    assert version.state is RuleState.PUBLISHED
    assert version.state_on(date(2028, 8, 31)) is RuleState.PUBLISHED
    assert version.state_on(date(2028, 9, 1)) is RuleState.EXPIRED


def test_draft_when_proposed_then_nothing_given_along_is_believed():
    forged = replace(DRAFT, state=RuleState.APPROVED, approvals=("CN-31", "CN-33"))
    assert done(propose(forged, (), council())) == DRAFT


@pytest.mark.parametrize(
    ("draft", "who", "expected"),
    [
        (DRAFT, council("CN-32"), "recognition.member_suspended"),
        (replace(DRAFT, proposer="CN-35"), council(), "recognition.not_a_member"),
    ],
)
def test_proposal_when_not_by_an_active_member_then_refused(draft, who, expected):
    assert code(propose(draft, (), who)) == expected


def test_proposal_when_its_version_was_used_then_refused():
    assert code(propose(DRAFT, (published(),), council())) == "recognition.version_taken"


@pytest.mark.parametrize(
    ("digest", "problems", "simulation", "expected"),
    [
        ("d2", (), "s1", "recognition.changed_since_test"),
        ("d1", (Problem("p", "c", "z", "e"),), "s1", "recognition.not_clean"),
        ("d1", (), "", "recognition.not_simulated"),
    ],
)
def test_test_when_not_clean_and_complete_then_refused(digest, problems, simulation, expected):
    assert code(mark_tested(DRAFT, digest, problems, simulation)) == expected


def test_test_when_approved_already_then_refused():
    assert code(mark_tested(approved("CN-31", "CN-33"), "d1", (), "s1")) == "recognition.wrong_rule_state"


@pytest.mark.parametrize(
    ("member", "digest", "who", "expected"),
    [
        ("CN-35", "d1", council(), "recognition.not_a_member"),
        ("CN-31", "d1", council("CN-31"), "recognition.member_suspended"),
        ("CN-31", "d2", council(), "recognition.changed_since_test"),
        ("CN-33", "d1", council(), "recognition.approved_already"),
    ],
)
def test_approval_when_it_cannot_count_then_refused(member, digest, who, expected):
    assert code(approve(approved("CN-33"), member, digest, who)) == expected


def test_approval_when_of_a_draft_or_of_a_published_version_then_refused():
    assert code(approve(DRAFT, "CN-31", "d1", council())) == "recognition.wrong_rule_state"
    assert code(approve(published(), "CN-34", "d1", council())) == "recognition.wrong_rule_state"


def test_approval_when_enough_then_approved():
    assert approved("CN-31").state is RuleState.TESTED
    assert approved("CN-31", "CN-33").state is RuleState.APPROVED
    assert approved("CN-32", "CN-33").state is RuleState.APPROVED


def test_proposer_when_alone_then_never_enough_whatever_m_is():
    alone = done(approve(ready(), "CN-32", "d1", council(needed=1)))
    assert alone.state is RuleState.TESTED
    assert code(publish(alone, "CN-32", "d1", council(needed=1), DAY)) == "recognition.proposer_alone"
    assert code(publish(alone, "CN-32", "d1", council(needed=0), DAY)) == "recognition.proposer_alone"


def test_publication_when_nobody_approved_then_refused_whatever_m_is():
    assert code(publish(ready(), "CN-32", "d1", council(needed=0), DAY)) == "recognition.too_few_approvals"


def test_accepting_bank_when_it_neither_proposed_nor_approved_then_refused():
    foreign = replace(ready(), proposer="CN-31")
    version = done(approve(done(approve(foreign, "CN-33", "d1", council())), "CN-34", "d1", council()))
    assert version.state is RuleState.TESTED
    assert code(publish(version, "CN-31", "d1", council(), DAY)) == "recognition.accepting_absent"
    with_it = done(approve(version, "CN-32", "d1", council()))
    assert with_it.state is RuleState.APPROVED


def test_approvals_when_a_member_is_suspended_since_then_no_longer_counted():
    version = approved("CN-31", "CN-33")
    assert code(publish(version, "CN-32", "d1", council("CN-31"), DAY)) == "recognition.too_few_approvals"


@pytest.mark.parametrize(
    ("member", "digest", "day", "who", "expected"),
    [
        ("CN-32", "d2", DAY, council(), "recognition.changed_since_test"),
        ("CN-32", "d1", date(2026, 10, 2), council(), "recognition.retroactive"),
        ("CN-32", "d1", date(2028, 9, 1), council(), "recognition.review_passed"),
        ("CN-32", "d1", DAY, council("CN-32"), "recognition.member_suspended"),
        ("CN-35", "d1", DAY, council(), "recognition.not_a_member"),
    ],
)
def test_publication_when_something_is_amiss_then_refused(member, digest, day, who, expected):
    assert code(publish(approved("CN-31", "CN-33"), member, digest, who, day)) == expected


def test_publication_when_it_takes_effect_the_same_day_then_given():
    assert done(publish(approved("CN-31", "CN-33"), "CN-32", "d1", council(), date(2026, 10, 1))).state is RuleState.PUBLISHED


def test_publication_when_twice_or_of_a_draft_then_refused():
    assert code(publish(published(), "CN-32", "d1", council(), DAY)) == "recognition.wrong_rule_state"
    assert code(publish(DRAFT, "CN-32", "d1", council(), DAY)) == "recognition.wrong_rule_state"


def test_roll_back_when_of_a_published_version_then_a_new_version_that_needs_every_step():
    history = (published(),)
    again = replace(DRAFT, version="2026.3", effective=date(2026, 12, 1))
    version = done(roll_back("2026.2", again, history, council()))
    assert (version.state, version.restores, version.approvals) == (RuleState.DRAFT, "2026.2", ())
    assert code(roll_back("2025.1", again, history, council())) == "recognition.unknown_version"
    assert code(roll_back("2026.2", DRAFT, history, council())) == "recognition.version_taken"
    assert code(roll_back("2026.2", again, (approved("CN-31", "CN-33"),), council())) == "recognition.unknown_version"


def test_version_in_force_when_several_were_published_then_the_latest_and_no_older_one_after_it():
    first = published()
    second = replace(first, version="2026.3", effective=date(2027, 1, 1), review=date(2027, 6, 30))
    assert in_force((first, second), date(2026, 9, 30)) is None
    assert in_force((first, second), date(2026, 12, 31)) is first
    assert in_force((first, second), date(2027, 1, 1)) is second
    assert in_force((first, second), date(2027, 7, 1)) is None
    assert in_force((first, replace(second, state=RuleState.APPROVED)), date(2027, 7, 1)) is first


@pytest.mark.parametrize(
    ("version", "member", "expected"),
    [
        (ready(), "CN-32", "withdrawn"),
        (ready(), "CN-31", "recognition.not_your_version"),
        (approved("CN-31", "CN-33"), "CN-32", "withdrawn"),
        (replace(published(), proposer="CN-31"), "CN-32", "withdrawn"),
        (replace(published(), proposer="CN-31"), "CN-31", "recognition.not_your_version"),
        (replace(published(), review=date(2026, 8, 31)), "CN-32", "recognition.wrong_rule_state"),
        (replace(ready(), state=RuleState.WITHDRAWN), "CN-32", "recognition.wrong_rule_state"),
        (ready(), "CN-35", "recognition.not_a_member"),
    ],
)
def test_withdrawal_when_by_its_owner_in_a_state_that_has_one_then_done(version, member, expected):
    found = withdraw(version, member, council(), DAY)
    assert (found.code if isinstance(found, Refusal) else found.state) == expected
    if not isinstance(found, Refusal):
        assert found.withdrawn == (DAY if version.state is RuleState.PUBLISHED else None)
    assert code(withdraw(version, member, council(member), DAY)) in {"recognition.member_suspended", "recognition.not_a_member"}


def test_publication_when_by_neither_proposer_nor_accepting_bank_then_refused_before_the_state():
    assert code(publish(approved("CN-31", "CN-33"), "CN-34", "d1", council(), DAY)) == "recognition.not_your_version"
    assert code(publish(published(), "CN-34", "d1", council(), DAY)) == "recognition.not_your_version"


def test_version_in_force_when_withdrawn_then_none_from_that_day_on_unless_it_never_took_effect():
    first = published()
    second = replace(first, version="2026.3", effective=date(2027, 1, 1))
    early, late = replace(second, withdrawn=date(2026, 12, 31)), replace(second, withdrawn=date(2027, 2, 1))
    early, late = replace(early, state=RuleState.WITHDRAWN), replace(late, state=RuleState.WITHDRAWN)
    assert in_force((first, early), date(2027, 1, 1)) is first
    assert in_force((first, late), date(2027, 1, 31)) is late
    assert in_force((first, late), date(2027, 2, 1)) is None
    assert in_force((first, replace(second, state=RuleState.WITHDRAWN)), date(2027, 1, 1)) is first, "withdrawn before it was published"
    assert done(roll_back("2026.3", replace(DRAFT, version="2027.1"), (late,), council())).restores == "2026.3"
