"""One achievement, one holder: races, repeats and twins.  One number for two learners: `test_contests`."""

import asyncio
import json
from pathlib import Path

from support.auditor import books, check_books, proven_codes, shanghai_part
from support.region import SAMPLES, decide, region, take, to_reviewing
from support.stages import ACCEPTING, SOURCE

from gateway.mapping.documents import write
from gateway.model.documents import Acknowledgement, Confirmation, ConfirmationItem, Verdict

RECORDS = ("SHC00000000001", "SHC00000000002")


async def test_race_when_two_banks_ask_for_one_outcome_at_once_then_one_wins_and_the_other_hears_of_its_leaf(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        part = shanghai_part(*RECORDS)
        messages = [world.request(SOURCE, to, RECORDS, part) for to in ("CN-32", "CN-33", "CN-34")]
        heard = await asyncio.gather(*map(world.send, messages))
        assert sorted(each.status for each in heard) == [202, 409, 409]
        winner = next(each for each in heard if each.status == 202)
        leaf = found.leaves()[winner.body["receipt"]["index"]]
        assert leaf.scope == winner.body["transfer"]
        for loser in (each for each in heard if each.status == 409):
            assert proven_codes(loser.body) == ["item.outcome_taken"] * 2
            assert f"leaf {winner.body['receipt']['index']})" in loser.body["problem"]["problems"][0]["en"]
        assert len(found.transfers()) == 1
        check_books(found)


async def test_certificate_when_held_elsewhere_then_a_second_request_for_it_alone_is_refused(tmp_path: Path) -> None:
    data = json.loads((SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes())
    certificate = data["certificate_experience"][0]
    data |= {
        "credit": [],
        "credit_num": 0,
        "training": [],
        "training_num": 0,
        "certificate_experience": [certificate],
        "certificate_num": 1,
    }
    records = (certificate["cert_exp_outer_id"],)
    async with region(tmp_path) as world, books(world) as found:
        first = await world.send(world.request(SOURCE, ACCEPTING, records, json.dumps(data).encode()))
        second = await world.send(world.request(SOURCE, "CN-33", records, json.dumps(data).encode()))
        assert (first.status, second.code) == (202, "transfer.nothing_left")
        check_books(found)


async def test_outcome_when_refused_or_withdrawn_then_free_and_when_recognised_then_never(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS)))
        forward, heard = await to_reviewing(world, ACCEPTING)
        await decide(world, ACCEPTING, forward, heard, {RECORDS[0]: (Verdict.RECOGNISED, "3.0"), RECORDS[1]: (Verdict.REFUSED, "0")})
        redeemed = check_books(found)
        assert len(redeemed) == 1
        again = await world.send(world.request(SOURCE, "CN-33", RECORDS, shanghai_part(*RECORDS)))
        assert [item.get("reason") for item in again.body["items"]] == ["outcome_taken", None]
        assert again.body["items"][0]["taken_leaf"] == heard.body["receipt"]["index"] - 1
        assert check_books(found, redeemed) == redeemed


async def test_case_when_accepting_bank_has_no_account_then_rejected_told_and_outcomes_free(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        await world.send(world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS)))
        (forward,) = await take(world, ACCEPTING)
        paper = [("acknowledgement", write(Acknowledgement("", "no_account", world.clock.now())))]
        heard = await world.act(ACCEPTING, "acknowledge", paper, scp=forward.transfer, irt=forward.jti, posture="none")
        assert heard.body["state"] == "rejected", heard.body
        assert {(item["state"], item["reason"]) for item in heard.body["items"]} == {("closed", "no_account")}
        (notice,) = await take(world, SOURCE)
        assert notice.event == "rejected"
        assert {outcome.state for outcome in found.outcomes()} == {"available"}
        check_books(found)


async def test_confirm_when_nothing_is_left_then_rejected_and_the_facing_bank_is_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        await world.send(world.request(SOURCE, "CN-33", RECORDS, shanghai_part(*RECORDS)))  # holds both outcomes
        asked = await world.send(world.request(SOURCE, ACCEPTING, RECORDS))
        (fetch,) = await take(world, SOURCE)
        items = tuple(ConfirmationItem(record) for record in RECORDS)
        contents = [("confirmation", write(Confirmation("100238845511", items))), ("part", shanghai_part(*RECORDS))]
        message = world.message(SOURCE, "confirm", contents, scp=fetch.transfer, irt=fetch.jti, same_person=fetch.sd["identity"])
        heard = await world.send(message)
        assert (heard.status, heard.body["state"]) == (200, "rejected"), heard.body
        assert {item["reason"] for item in heard.body["items"]} == {"outcome_taken"}
        (notice,) = await take(world, ACCEPTING)
        assert (notice.transfer, notice.event) == (asked.body["transfer"], "rejected")
        kept = {row[0] for row in found.rows("SELECT name FROM content WHERE jti = ?", message.jti)}
        assert kept == {"confirmation", "part", "envelope"}
        check_books(found)
