"""Consent: for this recipient, this purpose, these records, held by the facing bank, once, and in force at each disclosure."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import books, check_refusal, proven_codes, shanghai_part
from support.region import START, World, decide, region, take, to_reviewing
from support.stages import ACCEPTING, SOURCE, stage

from gateway.errors import ConsentError
from gateway.mapping.documents import write
from gateway.model.documents import Consent, Verdict
from gateway.model.transfer import State

RECORDS = ("SHC00000000001", "SHC00000000002")
WRONG: Mapping[str, tuple[str, dict[str, Any]]] = {
    "another recipient": ("consent.other_recipient", {"recipient": "CN-33"}),
    "another purpose": ("consent.other_purpose", {"purpose": "statistics"}),
    "fewer records": ("consent.other_records", {"records": RECORDS[:1]}),
    "another source": ("consent.other_records", {"source": "CN-33"}),
    "held by another": ("consent.other_controller", {"controller": "CN-33"}),
    "run out": ("consent.expired", {"expires_at": START}),
    "not begun": ("consent.expired", {"given_at": START + timedelta(seconds=1)}),
    "retention over": ("consent.expired", {"retention_until": date(2026, 11, 1)}),
}


@pytest.mark.parametrize("case", WRONG)
async def test_request_when_consent_does_not_cover_it_then_named_refusal(tmp_path: Path, case: str) -> None:
    code, changes = WRONG[case]
    async with region(tmp_path) as world, books(world) as found:
        message = world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), consent=changes)
        size = found.size()
        heard = await world.send(message)
        assert (heard.status, heard.code) == (403, code), heard.body
        check_refusal(world, message, heard, SOURCE)
        assert (found.size(), found.transfers()) == (size, [])


async def test_request_when_everything_about_the_consent_is_wrong_then_all_is_told(tmp_path: Path) -> None:
    every = {"recipient": "CN-33", "purpose": "x", "records": ("A",), "controller": "CN-34", "expires_at": START}
    async with region(tmp_path) as world:
        heard = await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), consent=every))
        assert set(proven_codes(heard.body)) == {
            "consent.other_controller", "consent.other_recipient", "consent.other_purpose", "consent.other_records", "consent.expired",
        }  # fmt: skip


def pulled(world: World, main: Mapping[str, Any] | None = None, source: Mapping[str, Any] | None = None) -> Any:
    made = world.request(SOURCE, ACCEPTING, RECORDS)
    contents = {name: content.data for name, content in made.contents.items()}
    contents["consent"] = write(world.consent(ACCEPTING, ACCEPTING, SOURCE, RECORDS, **(main or {})))
    contents["consent-source"] = write(world.consent(ACCEPTING, SOURCE, SOURCE, RECORDS, **(source or {})))
    return world.message(ACCEPTING, "request", [*contents.items()])


async def test_request_when_source_bank_may_not_be_asked_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        heard = await world.send(pulled(world, source={"recipient": ACCEPTING}))
        assert heard.code == "consent.other_recipient"
        assert await take(world, SOURCE) == []


@pytest.mark.parametrize("which", ["main", "source"])
async def test_consent_when_used_again_then_refused_whichever_it_was(tmp_path: Path, which: str) -> None:
    async with region(tmp_path) as world, books(world) as found:
        assert (await world.send(pulled(world, **{which: {"consent_id": "consent-one"}}))).status == 202
        assert {row[0] for row in found.rows("SELECT id FROM consent")} >= {"consent-one"}
        for name in ("main", "source"):
            heard = await world.send(pulled(world, **{name: {"consent_id": "consent-one"}}))
            assert (heard.status, heard.code) == (403, "consent.already_used")


async def test_consent_when_request_was_refused_then_not_used_up(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        used = {"consent_id": "consent-one"}
        assert (await world.send(world.request(SOURCE, ACCEPTING, RECORDS, b"rubbish", consent=used))).code.startswith("format.")
        assert (await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), consent=used))).status == 202


@pytest.mark.parametrize("prepared", [False, True], ids=["never built", "built before"])
@pytest.mark.parametrize("kind", ["forward", "fetch"])
async def test_case_when_consent_runs_out_before_delivery_then_not_sent(tmp_path: Path, kind: str, prepared: bool) -> None:
    """Each try is a disclosure: also one whose bytes were built while the consent still held."""
    hour = {"expires_at": START + timedelta(hours=1)}
    async with region(tmp_path) as world, books(world) as found:
        if kind == "forward":
            await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), consent=hour))
            lane = ACCEPTING
        else:
            await world.send(pulled(world, source=hour))
            lane = SOURCE
        if prepared:
            assert len(await take(world, lane)) == 1
        world.clock.advance(hours=1)
        dispatcher = world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(lane, 10)
        with pytest.raises(ConsentError) as caught:
            await dispatcher.parcel(row)
        assert caught.value.code == "consent.expired"
        assert found.rows("SELECT state FROM owed") == [("ready" if prepared else "new",)]


async def test_decision_when_consent_ran_out_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        opened = world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS), consent={"expires_at": START + timedelta(hours=1)})
        await world.send(opened)
        forward, heard = await to_reviewing(world, ACCEPTING)
        world.clock.advance(hours=1)
        verdicts = dict.fromkeys(RECORDS, (Verdict.RECOGNISED, "3.0"))
        assert (await decide(world, ACCEPTING, forward, heard, verdicts)).code == "consent.expired"


async def test_confirm_when_consent_ran_out_then_refused_and_part_not_kept(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.CONFIRMING, pulled=True)
        world.clock.advance(days=61)
        kept = found.rows("SELECT COUNT(*) FROM content")
        heard = await world.send(case.message(SOURCE, "confirm"))
        assert (heard.code, heard.body["state"]) == ("consent.expired", "confirming")
        assert found.rows("SELECT COUNT(*) FROM content") == kept


async def test_notice_when_consent_ran_out_then_still_told(tmp_path: Path) -> None:
    """Who holds the learner's data must hear of the end of the case, whatever the consent."""
    async with region(tmp_path) as world:
        case = await stage(world, State.REVIEWING)
        await world.send(case.message(SOURCE, "withdraw"))
        world.clock.advance(days=61)
        (notice,) = await take(world, ACCEPTING)
        assert (notice.act, notice.event) == ("notify", "withdrawn")
        assert set(notice.contents) == {"notice"}


def test_consent_when_made_then_names_all_that_the_law_asks() -> None:
    needed = {"recipient", "recipient_contact", "purpose", "method", "kinds", "retention_until", "rights"}
    assert needed <= set(Consent.__dataclass_fields__)
