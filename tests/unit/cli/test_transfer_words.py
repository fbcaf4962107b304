"""A case in words: whose turn, since when, until when, what then, what next; every state and what stands inside it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from support.nodes import ceg, write_config
from support.region import region
from support.stages import HELD_DECIDED, JUDGED, PLACES, SOURCE, place_state, stage

from gateway.cli.transfer_words import is_closed, remarks, sentences, turn
from gateway.model.transfer import CLOSED, State

SINCE, UNTIL = "2026-11-02T01:00:00.000000Z", "2026-11-20T16:00:00.000000Z"
PLAIN: dict[str, Any] = {"since": SINCE, "deadline": UNTIL, "waiting_on": ["CN-32"], "items": [], "owed": []}
EXITS = {
    # by hand from docs/protocol.md, section 9: (state and what it stands on) → what happens by itself, in both languages
    ("confirming", ""): ("自动过期", "it expires"),
    ("delivering", ""): ("自动挂起", "it is held"),
    ("reviewing", ""): ("自动过期", "it expires"),
    ("supplementing", ""): ("视为未补充", "without a supplement"),
    ("posting", ""): ("不会过期", "never expires"),
    ("disputed", "accepting"): ("移交轮值单位", "goes to the presiding unit"),
    ("disputed", "presiding"): ("标为未决", "marked unresolved"),
    ("held", "delivering"): ("自动过期", "it expires"),
    ("held", "posting"): ("仍挂起", "stays held"),
    ("held", "settled"): ("仍挂起", "stays held"),
    ("settled", ""): ("自动挂起", "it is held"),
}


def case_of(state: str, inside: str, **more: Any) -> dict[str, Any]:
    return PLAIN | {"state": state, "stage": inside if state == "disputed" else "", "held_from": inside if state == "held" else ""} | more


@pytest.mark.parametrize(("state", "inside"), EXITS)
def test_sentences_when_a_deadline_runs_then_what_happens_at_it_is_told(state: str, inside: str) -> None:
    zh, en = sentences(case_of(state, inside))
    wanted_zh, wanted_en = EXITS[state, inside]
    assert wanted_zh in zh.split("到期无人行事:")[1].split("。")[0]
    assert wanted_en in en.split("If nobody acts by then, ")[1].split(". ")[0]
    assert "自 2026-11-02 09:00 起轮到 CN-32,至 2026-11-20。" in zh
    assert "until 2026-11-20. " in en
    assert en.isascii()
    guessed = sentences(case_of(state, inside, deadline_provisional=True))
    assert ("2026-11-20(暂定)" in guessed[0], "2026-11-20 (provisional)" in guessed[1]) == (True, True)


def test_exits_when_listed_then_every_open_state_has_one() -> None:
    assert {state for state, _ in EXITS} == {*(set(State) - CLOSED), "settled"}


def test_sentences_when_escalated_then_no_deadline_and_the_presiding_unit_by_name() -> None:
    case = case_of("held", "posting", deadline=None, waiting_on=["presiding"], presiding_unit="CN-33", turn_since=UNTIL)
    zh, en = sentences(case)
    assert "自 2026-11-21 00:00 起轮到 轮值单位CN-33,不设期限" in zh
    assert "the turn of the presiding unit CN-33, without a deadline" in en
    assert turn(case) == "轮值单位CN-33 / the presiding unit CN-33"
    assert "确认入账" in zh


def test_settled_when_a_recall_is_open_then_not_closed_and_the_accepting_bank_has_the_turn() -> None:
    case = case_of("settled", "", items=[{"record": "R-1", "state": "recalling"}])
    assert not is_closed(case)
    assert "召回" in sentences(case)[0]
    assert [zh for zh, _ in remarks(case) if "R-1" in zh]
    assert is_closed(case | {"waiting_on": [], "deadline": None})


def test_remarks_when_something_stands_inside_then_each_is_told_in_both_languages() -> None:
    letter = {"message": "q3vYk2", "to": "CN-31", "event": "decided", "dead_since": SINCE, "next_at": UNTIL, "attempts": 7,
              "last_error": "peer.refused", "state": "ready"}  # fmt: skip
    items = [{"record": "R-1", "state": "recalling"}, {"record": "R-2", "state": "claimed", "contested": True}]
    twin = {"record": "R-3", "source": "CN-33", "accepting": "CN-34", "state": "recognised", "leaf": 12, "reasons": ["same_title"]}
    more = {"likely_twins": [twin], "likely_twins_more": True, "unresolved": True}
    found = remarks(case_of("posting", "", items=items, owed=[letter, letter | {"dead_since": None}], **more))
    assert len(found) == 6
    for words in zip(("R-1", "R-2", "R-3", "未全列", "成立", "q3vYk2"), found, strict=True):
        assert words[0] in words[1][0]
    assert all(en.isascii() and not zh.isascii() for zh, en in found)
    assert "leaf 12" in found[2][1]
    assert "7" in found[5][0]
    assert "peer.refused" in found[5][1]


async def _places(folder: Path) -> tuple[Path, dict[str, str]]:
    async with region(folder) as world:
        found = {place: (await stage(world, place, pulled=place == "confirming")).transfer for place in PLACES}
        recalling = await stage(world, State.SETTLED)
        await recalling.do(SOURCE, "revoke")
        return write_config(world.gateway.settings, folder / "gateway.toml"), found | {"recalling": recalling.transfer}


def test_show_when_asked_in_every_place_then_turn_deadline_and_exit_fit_the_case(tmp_path: Path) -> None:
    config, cases = asyncio.run(_places(tmp_path))
    for place, transfer in cases.items():
        case = json.loads(ceg("transfer", "show", transfer, "--config", config, "--json").out)
        zh, en = sentences(case)
        closed = place_state(place) in CLOSED
        assert (is_closed(case), bool(case["deadline"])) == (closed, not closed), place
        assert ("到期无人行事" in zh, "If nobody acts" in en) == (not closed, not closed), place
        text = ceg("transfer", "show", transfer, "--config", config).out.replace("\n", "")
        assert zh[:20] in text
    shown = {place: sentences(ceg("transfer", "show", cases[place], "--config", config, "--json").document)[0] for place in cases}
    assert "认定未入账" in shown[HELD_DECIDED]
    assert "送达未获签收" in shown["held"]
    assert "移交轮值单位" in shown["disputed"]
    assert "标为未决" in shown[JUDGED]
    assert "轮到 CN-32" in shown["recalling"]
    watched = ceg("transfer", "watch", cases["recalling"], "--config", config, "--timeout", "0.2", "--interval", "0.05")
    assert (watched.code, watched.err.count("召回中")) == (7, 1)
