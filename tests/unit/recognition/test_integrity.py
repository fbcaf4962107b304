"""The life of an integrity flag, act by act in every state by everybody, and its papers.  PR-301, PR-304 to PR-307."""

from itertools import product

import pytest

from gateway.errors import FormatError
from gateway.model.canonical import jcs
from gateway.model.integrity import DERIVED_REASONS, FLAG_REASONS, KINDS, STATES, FlagKind, FlagState, flag_reason
from gateway.model.scopes import integrity_scope
from gateway.model.transfer import Act, Refusal
from gateway.recognition.integrity import FlagPaper, Standing, after, read_flag, read_reason, reason_fault, write_flag, write_reason

WHO = {
    "setter": Standing(setter=True), "advocate": Standing(advocate=True), "presiding": Standing(presiding=True), "party": Standing(),
    "setter for the learner": Standing(setter=True, advocate=True),
}  # fmt: skip
ROLES = {
    "flag-appeal": {"advocate"},
    "flag-escalate": {"advocate"},
    "flag-uphold": {"setter", "presiding"},
    "flag-lift": {"setter", "presiding"},
}
STEPS = {
    # (act, state, role): where it leads.  Written by hand from the protocol's table.
    ("flag-appeal", "flagged", "advocate"): "appealed",
    ("flag-uphold", "appealed", "setter"): "upheld",
    ("flag-escalate", "upheld", "advocate"): "escalated",
    ("flag-uphold", "escalated", "presiding"): "confirmed",
    **{("flag-lift", state, "setter"): "lifted" for state in ("flagged", "appealed", "upheld", "escalated", "confirmed")},
    ("flag-lift", "escalated", "presiding"): "lifted",
}
PAPER = FlagPaper("a" * 64, "confirmed_fraud", "forged_document", transfer="b" * 64)


@pytest.mark.parametrize("act", ROLES)
def test_flag_when_acted_on_in_any_state_by_anybody_then_the_step_or_one_refusal(act: str) -> None:
    for state, (name, who) in product(FlagState, WHO.items()):
        roles = {"setter", "advocate"} if name == "setter for the learner" else {name}
        if name == "presiding" and state is not FlagState.ESCALATED:
            continue  # only then is there such a unit
        done = after(Act(act), state, who, overdue=False)
        wanted = [STEPS[act, state, role] for role in roles if (act, state, role) in STEPS]
        if wanted:
            assert [done] == wanted, (state, name)
            continue
        assert isinstance(done, Refusal), (state, name, done)
        assert done.code == ("transfer.wrong_state" if roles & ROLES[act] else "transfer.not_your_role"), (state, name)


def test_escalation_when_the_setter_is_late_then_possible_from_the_appeal() -> None:
    advocate = Standing(advocate=True)
    assert after(Act.FLAG_ESCALATE, FlagState.APPEALED, advocate, overdue=True) is FlagState.ESCALATED
    assert after(Act.FLAG_ESCALATE, FlagState.FLAGGED, advocate, overdue=True) is not FlagState.ESCALATED


def test_papers_when_written_and_read_then_the_same() -> None:
    under = FlagPaper("a" * 64, "duplicate_claim", "claimed_twice", consent="c" * 64)
    assert [read_flag(write_flag(paper)) for paper in (PAPER, under)] == [PAPER, under]
    assert read_reason("appeal", write_reason("restored")) == "restored"


GOOD = {"v": 1, "outcome": "a" * 64, "kind": "confirmed_fraud", "reason": "forged_document", "transfer": "b" * 64, "consent": ""}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"v": 2}, "flag"), ({"v": True}, "flag"), ({"text": "某某造假"}, "flag"), ({"outcome": "A" * 64}, "flag/outcome"),
        ({"kind": 7}, "flag/kind"), ({"reason": "Forged!"}, "flag/reason"), ({"reason": "x" * 65}, "flag/reason"),
        ({"transfer": ""}, "flag/transfer"), ({"consent": "c" * 64}, "flag/transfer"), ({"consent": "c"}, "flag/consent"),
        ({"transfer": None}, "flag/transfer"),
    ],
)  # fmt: skip
def test_flag_paper_when_not_in_its_form_then_refused_at_its_place(change: dict[str, object], place: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_flag(jcs({**GOOD, **change}))
    assert (caught.value.code, [each.path for each in caught.value.problems]) == ("format.integrity_paper", [place])


@pytest.mark.parametrize("content", [b"", b"[]", b'{"v":1}', b'{"v":1,"reason":""}', b'{"v":1,"reason":"x","more":1}', b"<x/>"])
def test_reason_paper_when_not_in_its_form_then_format_error(content: bytes) -> None:
    with pytest.raises(FormatError):
        read_reason("ruling", content)


def test_reasons_when_asked_for_then_only_those_of_the_act_and_kind() -> None:
    for kind, reasons in FLAG_REASONS.items():
        assert all(reason_fault(Act.FLAG, reason, kind) is None for reason in reasons)
        others = {each for other in FLAG_REASONS if other is not kind for each in FLAG_REASONS[other]} | set(DERIVED_REASONS.get(kind, ()))
        assert all(reason_fault(Act.FLAG, reason, kind) is not None for reason in others), kind
    unknown = reason_fault(Act.FLAG, "forged_document", "bad_person")
    assert unknown is not None
    assert unknown.path == "flag/kind"
    assert reason_fault(Act.FLAG_LIFT, "verified_again") is not None
    assert reason_fault(Act.FLAG_UPHOLD, "verified_again") is None


def test_texts_when_looked_up_then_both_languages_for_every_word() -> None:
    said = [*KINDS.values(), *STATES.values()]
    said += [
        flag_reason(kind, reason) for table in (FLAG_REASONS, DERIVED_REASONS) for kind, reasons in table.items() for reason in reasons
    ]
    assert KINDS.keys() == set(FlagKind)
    assert STATES.keys() == set(FlagState)
    assert all(each.zh and each.en and each.zh != each.en for each in said)


def test_scope_when_made_then_of_the_act_and_its_place_only() -> None:
    scopes = {integrity_scope(iss, jti, place) for iss, jti, place in product(("CN-31", "CN-32"), ("a", "b"), (0, 1))}
    assert len(scopes) == 8
    assert all(scope.startswith("integrity:") and len(scope) == len("integrity:") + 64 for scope in scopes)
