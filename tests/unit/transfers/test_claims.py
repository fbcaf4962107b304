"""Who may have an outcome, who contests it, and how a claim ends: values only."""

import pytest

from gateway.storage.rows import ItemRow, OutcomeRow, TransferRow
from gateway.transfers.claims import (
    CLAIMS_MAX,
    CONTESTED,
    Claim,
    bar_to,
    cases_named,
    claims_of,
    given_free,
    given_to,
    live_claims,
    reserved,
    with_claim,
    without_claim,
)
from gateway.transfers.clearing import presiding_over

MINE = TransferRow(*[""] * 30)._replace(id="mine", learner="me", source="CN-31")
OTHERS = TransferRow(*[""] * 30)._replace(id="other", learner="other", source="CN-32")
ITEM = ItemRow("mine", 0, "r", "claimed", "", "c", "nf", "strong", "SKILL_CERT", "1", None, None)


def held(state: str = "reserved", learner: str = "other", **changes: str) -> OutcomeRow:
    holder = "other" if state in {"reserved", "redeemed"} else ""
    return OutcomeRow("nf", state, "strong", holder, learner, "CN-32", 7, last="other")._replace(**changes)


def contest(*learners: str) -> OutcomeRow:
    row = held()
    for place, learner in enumerate(learners):
        row = with_claim(row, MINE._replace(id=f"case {place}", learner=learner), 10 + place)
    return row


@pytest.mark.parametrize(
    ("found", "strength", "bar"),
    [
        (None, "strong", ("", None)),
        (held("available", learner="me"), "strong", ("", None)),
        (held("reserved", learner="me"), "strong", ("outcome_taken", 7)),
        (held("redeemed", learner="me"), "strong", ("outcome_taken", 7)),
        (held("reserved"), "strong", (CONTESTED, 7)),
        (held("redeemed"), "strong", (CONTESTED, 7)),
        (held("available"), "strong", (CONTESTED, 7)),
        (held("available", learner="", last=""), "strong", ("", None)),
        (held("revoked"), "strong", ("revoked", 7)),
        (held("reserved"), "weak", ("outcome_taken", 7)),
        (held("available"), "weak", ("", None)),
        (contest("third"), "strong", (CONTESTED, 7)),
        (contest("me"), "strong", ("outcome_taken", 10)),
    ],
)
def test_claim_when_the_outcome_stands_so_then_free_contested_or_closed(
    found: OutcomeRow | None, strength: str, bar: tuple[str, int | None]
) -> None:
    assert bar_to(found, ITEM._replace(strength=strength), "me") == bar


def test_contest_when_it_is_full_then_the_next_claim_closes() -> None:
    full = contest(*(f"learner {n}" for n in range(CLAIMS_MAX - 1)))
    assert len(claims_of(full)) == CLAIMS_MAX
    assert bar_to(full, ITEM, "me") == ("outcome_contested", 7)


def test_contest_when_opened_then_the_holder_is_a_claim_too_and_who_held_it_last_an_ended_one() -> None:
    assert claims_of(with_claim(held(), MINE, 9)) == (Claim("other", "other", 7, True), Claim("mine", "me", 9, True))
    gone = with_claim(held("available"), MINE, 9)
    assert claims_of(gone) == (Claim("other", "other", 7, False), Claim("mine", "me", 9, True))
    assert (gone.state, gone.holder, gone.ver) == ("available", "", 1)
    assert cases_named([gone, held()]) == {"other", "mine"}


def test_claim_when_it_ends_and_comes_back_then_one_entry_and_the_contest_stays() -> None:
    row = with_claim(held(), MINE, 9)
    ended = without_claim(row, "other")
    assert (ended.state, ended.holder, ended.ver) == ("available", "", 2)
    assert live_claims(ended) == (Claim("mine", "me", 9, True),)
    assert without_claim(ended, "other") == ended, "nothing ends twice"
    assert without_claim(row, "mine").holder == "other", "who does not hold it gives nothing back"
    back = with_claim(ended, OTHERS, 12)
    assert claims_of(back) == (Claim("mine", "me", 9, True), Claim("other", "other", 12, True))
    assert claims_of(without_claim(without_claim(row, "mine"), "other")) != ()


def test_outcome_when_given_to_one_or_to_nobody_then_no_contest_is_left_and_its_scope_goes_on() -> None:
    row = with_claim(held(), MINE, 9)._replace(seq=3)
    given = given_to(row, MINE, 9)
    assert (given.state, given.holder, given.learner, given.claims, given.ruled, given.seq) == ("reserved", "mine", "me", "", "", 3)
    free = given_free(row)
    assert (free.state, free.holder, free.claims, free.seq) == ("available", "", "", 3)
    assert bar_to(free, ITEM, "anybody") == ("", None)
    assert reserved(free, ITEM, MINE, 20).seq == 3, "its leaves are numbered on"


def test_judge_when_a_member_is_concerned_then_the_next_one_and_where_all_are_the_one_in_turn() -> None:
    rota = ("CN-32", "CN-33", "CN-34", "CN-31")

    def presiding(parties: frozenset[str]) -> str | None:
        return next((member for member in rota if member not in parties), None)

    assert presiding_over(frozenset({"CN-32", "CN-34"}), presiding) == "CN-33"
    assert presiding_over(frozenset(rota), presiding) == "CN-32"
