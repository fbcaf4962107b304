"""Every state, act and role through the real door: a transition of the table, or exactly one named refusal and nothing else changed."""

import json
from pathlib import Path

import pytest
from support.auditor import Dump, books, changed, check_receipt, check_refusal
from support.region import region
from support.stages import ACCEPTING, HELD_DECIDED, JUDGED, PLACES, PRESIDING, SOURCE, STRANGER, place_state, stage

from gateway.model.state_table import act_rows
from gateway.model.transfer import Act, State

ELSEWHERE = {Act.REQUEST, Act.NOTED}
"""`request` opens a case of its own and `noted` asks for a notice, not for a state: they have tests of their own below."""
HERE = [act for act in Act if act not in ELSEWHERE]
OWN_SCOPES = {
    "enquire", "list", "consent", "consent-withdraw", "clear", "agreement-propose", "agreement-sign", "agreement-suspend",
    "agreement-resume", "agreement-end", "statement-sign", "statement-dispute", "rule-propose", "rule-approve", "rule-publish",
    "rule-withdraw", "erase", "legal-hold", "legal-release", "flag", "flag-appeal", "flag-uphold", "flag-lift", "flag-escalate",
    "handover", "handover-accept",
}  # fmt: skip
"""These have scopes of their own; in a transfer nobody has a role for them."""
STEPS = {
    # (state, act, role): where it leads.  Written down by hand from the protocol, not read from the program's table.
    ("confirming", "confirm", "source"): "delivering",
    ("confirming", "decline", "source"): "rejected",
    ("delivering", "acknowledge", "accepting"): "reviewing",
    ("held", "acknowledge", "accepting"): "reviewing",
    ("reviewing", "decide", "accepting"): "posting",
    ("disputed", "decide", "accepting"): "posting",
    ("posting", "posted", "source"): "posting",
    ("posting", "posted", "accepting"): "posting",
    (HELD_DECIDED, "posted", "source"): "held",
    (HELD_DECIDED, "posted", "accepting"): "held",
    ("confirming", "withdraw", "facing"): "withdrawn",
    ("delivering", "withdraw", "facing"): "withdrawn",
    ("reviewing", "withdraw", "facing"): "withdrawn",
    ("supplementing", "withdraw", "facing"): "withdrawn",
    ("held", "withdraw", "facing"): "withdrawn",
    ("reviewing", "ask", "accepting"): "supplementing",
    ("supplementing", "supplement", "source"): "delivering",
    ("delivering", "amend", "source"): "delivering",
    ("reviewing", "amend", "source"): "delivering",
    ("supplementing", "amend", "source"): "delivering",
    ("posting", "amend", "source"): "disputed",
    ("settled", "amend", "source"): "disputed",
    **{(place, "revoke", "source"): place_state(place) for place in PLACES},
    (JUDGED, "decide", "accepting"): "posting",
    ("settled", "dispute", "source"): "disputed",
    ("settled", "dispute", "facing"): "disputed",
    ("rejected", "dispute", "source"): "disputed",
    ("rejected", "dispute", "facing"): "disputed",
    ("expired", "dispute", "source"): "disputed",
    ("expired", "dispute", "facing"): "disputed",
    ("disputed", "uphold", "accepting"): "disputed",
    (JUDGED, "uphold", "presiding"): "settled",
    (JUDGED, "remit", "presiding"): "reviewing",
    ("held", "retry", "presiding"): "delivering",
    (HELD_DECIDED, "retry", "presiding"): "posting",
    ("held", "cancel", "presiding"): "withdrawn",
}
ROLES_OF_ACT = {
    "confirm": {"source"}, "decline": {"source"}, "acknowledge": {"accepting"}, "decide": {"accepting"}, "posted": {"source", "accepting"},
    "withdraw": {"facing"}, "ask": {"accepting"}, "supplement": {"source"}, "amend": {"source"}, "revoke": {"source"},
    "dispute": {"source", "facing"}, "uphold": {"accepting", "presiding"}, "remit": {"presiding"}, "retry": {"presiding"},
    "cancel": {"presiding"},
}  # fmt: skip
GATEWAYS_OWN = {"expire", "hold", "escalate", "lapse", "reschedule", "forward", "notify", "fetch", "collect", "refusal"}
ENDED = {"settled", "rejected", "withdrawn", "expired", "recalled"}
LATE = {"confirm", "decline", "acknowledge", "supplement", "decide", "posted"}
"""What a bank may have sent before it knew that the case had ended."""


def roles(member: str, *, pulled: bool) -> set[str]:
    facing = ACCEPTING if pulled else SOURCE
    return {
        role
        for role, holder in (("source", SOURCE), ("accepting", ACCEPTING), ("facing", facing), ("presiding", PRESIDING))
        if holder == member
    }


def expected(place: str, act: str, held: set[str]) -> str:
    """The state it leads to, or the code of the refusal."""
    if not held:
        return "transfer.unknown"
    if not ROLES_OF_ACT.get(act, set()) & held:
        return "transfer.not_your_role"
    return next((STEPS[place, act, role] for role in sorted(held) if (place, act, role) in STEPS), "transfer.wrong_state")


def of_transfer(dump: Dump, id: str) -> list[str]:
    """The transfer's own row without the count of its leaves."""
    (row,) = (row for row in dump["transfer"] if row[0] == id)
    return [str(value) for place, value in enumerate(row) if place not in {8, 29}]


def others(dump: Dump, id: str) -> Dump:
    counted = ("message", "log_entry", "log_key")
    return {table: [row for row in rows if table != "transfer" or row[0] != id] for table, rows in dump.items() if table not in counted}


@pytest.mark.parametrize("pulled", [False, True], ids=["pushed", "pulled"])
@pytest.mark.parametrize("place", PLACES)
async def test_act_when_sent_in_any_state_by_anybody_then_table_row_or_one_named_refusal(tmp_path: Path, place: str, pulled: bool) -> None:
    if place == "confirming" and not pulled:
        return  # a pushed case is never confirming
    async with region(tmp_path) as world, books(world) as found:
        resting = await stage(world, place, pulled=pulled)
        for act in HERE:
            for member in (SOURCE, ACCEPTING, PRESIDING, STRANGER):
                held = roles(member, pulled=pulled)
                wanted = expected(place, act.value, held)
                refused = wanted.startswith("transfer.")
                case = resting if refused else await stage(world, place, pulled=pulled)
                message = case.message(member, act.value)
                before, size = found.dump(), found.size()
                heard = await world.send(message)
                after = found.dump()
                place_of = (place, act.value, member)
                if not refused:
                    assert heard.status == 200, (place_of, heard.body)
                    assert heard.body["state"] == wanted, place_of
                    proven = check_receipt(world, message, heard)
                    assert (proven.leaf.state_before, proven.leaf.scope) == (place_state(place), case.transfer)
                    assert others(after, case.transfer).keys() == others(before, case.transfer).keys()
                    for table in ("item", "outcome"):
                        mine = {row[6] for row in after["item"] if row[0] == case.transfer} | {case.transfer}
                        went, came = changed(before, after).get(table, ([], []))
                        assert {row[0] for row in (*went, *came)} <= mine, place_of
                    continue
                assert heard.code == wanted, (place_of, heard.body)
                assert others(before, case.transfer) == others(after, case.transfer), place_of
                assert of_transfer(before, case.transfer) == of_transfer(after, case.transfer), place_of
                assert after["message"][0][0] == before["message"][0][0] + 1
                if held:
                    proven = check_receipt(world, message, heard)
                    late = wanted == "transfer.wrong_state" and place in ENDED and act in LATE
                    type_ = "transfer.late" if late else "transfer.refused"
                    assert (proven.leaf.type, proven.leaf.facts["code"]) == (type_, wanted), place_of
                    assert heard.body.get("reverse", False) == (late and act == "posted" and place != "settled"), place_of
                    assert proven.leaf.state_before == proven.leaf.state_after == heard.body["state"]
                    assert found.size() == size + 1
                else:
                    check_refusal(world, message, heard, member)
                    assert found.size() == size, place_of


PROVEN_ELSEWHERE = {
    # test_recalls and test_dead_letters: acts that ask for a notice of a recall, or for a dead letter
    *((state, "posted", "accepting") for state in ("settled", "disputed")),
    *((state.value, act, "presiding") for state in State for act in ("retry", "cancel")),
}


def test_steps_when_compared_with_the_table_that_is_printed_then_the_same_rows() -> None:
    printed = {(state, row["act"], row["role"]) for row in act_rows() for state in row["states"] if row["role"] != "gateway"}
    here = {(place_state(place), act, role) for place, act, role in STEPS}
    assert (here - printed, printed - here - PROVEN_ELSEWHERE) == (set(), set())
    for (place, act, role), to in STEPS.items():
        rows = [row for row in act_rows() if (row["act"], row["role"]) == (act, role) and place_state(place) in row["states"]]
        assert any(to in (row["to"] or [place_state(place)]) or to == place_state(place) for row in rows), (place, act, role)


def test_places_when_listed_then_every_state_is_staged() -> None:
    assert {place_state(place) for place in PLACES} == set(State)
    assert ROLES_OF_ACT.keys() | GATEWAYS_OWN | OWN_SCOPES | {"request", "noted"} == {*Act}


@pytest.mark.parametrize("act", [act.value for act in Act if act is not Act.REQUEST])
async def test_stranger_when_he_acts_on_a_case_then_hears_what_he_hears_of_none(tmp_path: Path, act: str) -> None:
    """Byte for byte, once his own ids are put aside; with good contents and with bad ones."""
    async with region(tmp_path) as world:
        case = await stage(world, State.REVIEWING, pulled=act in {"confirm", "decline"})
        for contents in (None, b"<rubbish"):
            answers = []
            for scope in (case.transfer, "0" * 64, None):
                made = case.message(STRANGER, act, scp=scope)
                if contents is not None:
                    made = world.message(STRANGER, act, [(name, contents) for name in made.contents], scp=scope)
                heard = await world.send(made)
                check_refusal(world, made, heard, STRANGER)
                shown = json.loads(heard.reply.body)
                assert shown.pop("jti") == made.jti
                assert shown.pop("digest") == {name: made.sd(name) for name in made.contents}
                shown.pop("receipt")
                answers.append((heard.status, shown))
            assert answers[0] == answers[1] == answers[2]
            unread = contents is not None and act in {"consent", "consent-withdraw"}  # its scope is known only once it is read
            assert answers[0][1]["problem"]["code"] == ("format.malformed" if unread else "transfer.unknown")


@pytest.mark.parametrize("state", [State.REVIEWING, State.POSTING, State.SETTLED, State.WITHDRAWN])
async def test_noted_when_there_is_no_such_notice_then_refused_with_a_leaf_and_with_it_done_without(tmp_path: Path, state: State) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, state)
        before = found.dump()
        wrong = case.message(SOURCE, "noted", irt=world.ids.jti())
        heard = await world.send(wrong)
        assert heard.code == "transfer.not_asked"
        assert check_receipt(world, wrong, heard).leaf.type == "transfer.refused"
        assert found.dump()["owed"] == before["owed"]
        if "notice" not in case.jtis:
            return
        size = found.size()
        anothers = case.message(ACCEPTING, "noted", irt=case.jtis["notice"])
        assert (await world.send(anothers)).code == "transfer.not_asked"
        right = case.message(SOURCE, "noted", irt=case.jtis["notice"])
        heard = await world.send(right)
        assert (heard.status, found.size()) == (200, size + 1)
        states = {row[0]: row[9] for row in found.dump()["owed"]}
        assert states[case.jtis["notice"]] == "done"


@pytest.mark.parametrize(
    ("act", "member", "state"),
    [
        ("decide", ACCEPTING, State.REVIEWING),
        ("ask", ACCEPTING, State.REVIEWING),
        ("supplement", SOURCE, State.SUPPLEMENTING),
        ("amend", SOURCE, State.REVIEWING),
        ("amend", SOURCE, State.SETTLED),
    ],
)
async def test_act_when_it_names_another_version_then_told_the_present_one(tmp_path: Path, act: str, member: str, state: State) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, state)
        for ver in (case.ver - 1, case.ver + 1, None):
            heard = await world.send(case.message(member, act, ver=ver))
            assert (heard.status, heard.code) == (409, "transfer.stale_version")
            assert (heard.body["state"], heard.body["ver"]) == (state, case.ver)
        assert (await world.send(case.message(member, act))).status == 200


async def test_party_when_content_is_bad_in_a_wrong_state_then_hears_of_the_state_first(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, State.SETTLED)
        for iss, act, wanted in ((ACCEPTING, "acknowledge", "transfer.wrong_state"), (SOURCE, "acknowledge", "transfer.not_your_role")):
            heard = await world.act(iss, act, [("acknowledgement", b"<rubbish")], scp=case.transfer)
            assert heard.code == wanted
        heard = await world.act(ACCEPTING, "confirm", [("confirmation", b"<rubbish"), ("part", b"")], scp=case.transfer)
        assert heard.code == "transfer.not_your_role"


@pytest.mark.parametrize("act", ["acknowledge", "withdraw"])
async def test_act_when_case_was_held_after_its_decision_then_too_late(tmp_path: Path, act: str) -> None:
    async with region(tmp_path) as world:
        case = await stage(world, HELD_DECIDED)
        heard = await world.send(case.message(ACCEPTING if act == "acknowledge" else SOURCE, act))
        assert (heard.code, heard.body["state"]) == ("transfer.wrong_state", "held")
