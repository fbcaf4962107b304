"""What a bank's people say of a case through their connector, what follows at the other bank, and what a late booking does not block."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.connectors import Region, four_banks
from support.region import region

from gateway.errors import PeerError
from gateway.model.documents import Correction, Withdrawal
from gateway.model.transfer import Act
from gateway.simulator.banks import AT_ONCE, Mood

SOURCE, ACCEPTING, PRESIDING = "CN-31", "CN-32", "CN-33"
WORDS = Withdrawal("other", "说明")


def otherwise(banks: Region, *questions: str) -> None:
    """The accepting bank's people answer these questions once in the other way."""
    banks.banks[ACCEPTING]._moods = lambda _transfer, asked: Mood(otherwise=1) if asked in questions else AT_ONCE


async def test_bank_when_it_asks_back_then_supplemented_delivered_again_and_decided(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (SOURCE, ACCEPTING):
            await banks.connect(member)
        otherwise(banks, "decide")
        opened = await banks.open(SOURCE, ACCEPTING)
        source = banks.connectors[SOURCE]
        with pytest.raises(PeerError):
            await source.say(Act.SUPPLEMENT, opened.scope, WORDS)

        await banks.work(SOURCE, ACCEPTING, until=lambda: _knows(banks, SOURCE, opened.scope, "supplementing"))
        await source.say(Act.SUPPLEMENT, opened.scope, WORDS, banks.banks[SOURCE].part(banks.learners[0], _records(banks)))
        await banks.work(SOURCE, ACCEPTING, until=lambda: _is(banks, opened.scope, "settled"))
        steps = await banks.steps(opened.scope)
        assert steps[1:5] == ["transfer.delivered", "transfer.asked", "transfer.supplemented", "transfer.delivered"]
        assert [row.act for row in await source.store.of_transfer(opened.scope)] == ["request", "noted", "supplement", "posted"]


async def test_booking_when_impossible_then_judged_and_booked_by_both_in_the_end(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (SOURCE, ACCEPTING, PRESIDING):
            await banks.connect(member)
        otherwise(banks, "post accepting", "dispute")
        opened = await banks.open(SOURCE, ACCEPTING)

        await banks.work(SOURCE, ACCEPTING, until=lambda: _escalated(banks, opened.scope))
        assert (opened.scope, "accepting") not in banks.banks[ACCEPTING].posted
        await banks.connectors[PRESIDING].say(Act.UPHOLD, opened.scope, WORDS)
        await banks.work(SOURCE, ACCEPTING, PRESIDING, until=lambda: _is(banks, opened.scope, "settled"))
        booked = [banks.banks[member].posted[opened.scope, role] for member, role in ((SOURCE, "source"), (ACCEPTING, "accepting"))]
        assert booked[0].credits == booked[1].credits != {}


async def test_booking_when_it_comes_during_a_dispute_then_the_notice_is_noted_and_blocks_nothing(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (SOURCE, ACCEPTING, PRESIDING):
            await banks.connect(member)
        banks.banks[SOURCE]._moods = lambda _transfer, asked: Mood(timedelta(hours=1)) if asked == "post source" else AT_ONCE
        otherwise(banks, "post accepting", "dispute")
        opened = await banks.open(SOURCE, ACCEPTING)

        async def judged_and_told() -> bool:
            case = await banks.connectors[SOURCE].store.case(opened.scope)
            return bool(await _escalated(banks, opened.scope) and case is not None and case.decided_jti)

        await banks.work(SOURCE, ACCEPTING, until=judged_and_told)
        assert (opened.scope, "source") not in banks.banks[SOURCE].posted
        await banks.connectors[PRESIDING].say(Act.UPHOLD, opened.scope, WORDS)
        world.clock.advance(hours=2)
        banks.banks[SOURCE]._moods = lambda _transfer, _question: AT_ONCE  # who is asked again does not think again

        async def nothing_owed() -> bool:
            open_rows = [row for row in await world.gateway.parts.status.owed_counts() if row[1] in {"new", "ready"}]
            return await _is(banks, opened.scope, "settled") and not open_rows

        await banks.work(SOURCE, ACCEPTING, PRESIDING, until=nothing_owed)
        acts = {row.act for row in await banks.connectors[SOURCE].store.of_transfer(opened.scope)}
        assert acts == {"request", "noted", "posted"}


@pytest.mark.parametrize("spoiled", ["envelopes", "mapping", "part"])
async def test_amendment_when_it_is_not_shown_to_be_the_source_banks_then_not_decided_over(tmp_path: Path, spoiled: str) -> None:
    """PR-75."""
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (SOURCE, ACCEPTING):
            await banks.connect(member)
        opened = await banks.open(SOURCE, ACCEPTING)
        await banks.work(SOURCE, ACCEPTING, until=lambda: _knows(banks, SOURCE, opened.scope, "settled"))
        source, store = banks.connectors[SOURCE], banks.connectors[ACCEPTING].store
        banks.banks[ACCEPTING]._moods = lambda _transfer, _question: Mood(timedelta(days=9))
        banks.banks[SOURCE].correct(banks.learners[0])
        records = _records(banks)
        part = banks.banks[SOURCE].part(banks.learners[0], records)
        await source.say(Act.AMEND, opened.scope, Correction("other", "成绩更正", records), part)

        await banks.work(SOURCE, ACCEPTING, until=lambda: _knows(banks, ACCEPTING, opened.scope, "disputed"))
        case = await store.case(opened.scope)
        assert case is not None
        row = next(row for row in await store.inbox_of(opened.scope) if row.act == "notify")
        contents, reader = await store.contents("in", row.jti), banks.connectors[ACCEPTING].office.reader
        forward, now = await store.contents("in", case.forward_jti), world.clock.now()
        found = reader.forward(opened.scope, forward, now, contents)
        assert found.part_sd != reader.forward(opened.scope, forward, now).part_sd
        shown = json.loads(contents["notice"].data)
        if spoiled == "part":
            contents["part"] = replace(contents["part"], data=forward["part"].data)
        else:
            shown[spoiled] = {} if spoiled == "envelopes" else ["another", "1.0.0"]
            contents["notice"] = replace(contents["notice"], data=json.dumps(shown).encode())
        with pytest.raises(PeerError):
            reader.forward(opened.scope, forward, now, contents)


def _records(banks: Region) -> tuple[str, ...]:
    return banks.banks[SOURCE].record_ids(banks.learners[0])


async def _escalated(banks: Region, transfer: str) -> bool:
    """The presiding unit is to rule: before that its word is refused."""
    if not await banks.state(transfer):
        return False
    shown = await banks.world.gateway.parts.status.show(transfer, "")
    return bool(shown["waiting_on"] == ["presiding"])


async def _knows(banks: Region, member: str, transfer: str, state: str) -> bool:
    """Whether the bank itself has heard: what it says next names the version that it knows."""
    case = await banks.connectors[member].store.case(transfer)
    return case is not None and case.state == state


async def _is(banks: Region, transfer: str, state: str) -> bool:
    return await banks.state(transfer) == state
