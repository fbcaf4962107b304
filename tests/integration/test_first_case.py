"""The main journey by hand: Shanghai's own bytes in, a signed decision out, both banks booked, every step a leaf."""

from pathlib import Path

from support.region import SAMPLES, World, decide, posting, region, take, to_reviewing

from gateway.model.documents import Verdict
from gateway.transferlog.leaf import parse_leaf

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")
COURSE, CERTIFICATE = "SHC20230098812", "SHZ2022551201"


async def settle(world: World) -> str:
    heard = await world.send(world.request("CN-31", "CN-32", SH_RECORDS, SH))
    assert heard.status == 202, heard.body
    owed, reviewing = await to_reviewing(world, "CN-32")
    verdicts = {COURSE: (Verdict.RECOGNISED, "3.0"), CERTIFICATE: (Verdict.REFUSED, "0")}
    decided = await decide(world, "CN-32", owed, reviewing, verdicts)
    assert decided.status == 200, decided.body
    assert decided.body["state"] == "posting"
    notice = next(each for each in await take(world, "CN-31") if each.event == "decided")
    transfer = owed.transfer
    first = await world.act("CN-31", "posted", posting(world, COURSE), scp=transfer, irt=notice.jti, posture="done")
    assert first.body["waiting_on"] == ["CN-32"], first.body
    second = await world.act("CN-32", "posted", posting(world, COURSE), scp=transfer, irt=decided.body["jti"], posture="done")
    assert second.body["state"] == "settled", second.body
    return transfer


async def test_case_when_pushed_by_shanghai_then_settles_with_partial_recognition(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer = await settle(world)
        shown = await world.gateway.parts.status.show(transfer, "CN-31")
        assert shown["totals"] == {
            "submitted": "5.0", "recognised": "4.0", "refused": "0", "closed": "1.0", "pending": "0", "awarded": "3.0", "uncounted": "2",
        }  # fmt: skip
        assert [step["type"] for step in shown["steps"]] == [
            "transfer.requested", "transfer.delivered", "transfer.decided", "transfer.posted", "transfer.posted", "transfer.settled",
        ]  # fmt: skip
        states = [parse_leaf(leaf).state_after for _, _, leaf in await world.gateway.parts.reading.scope(transfer)]
        assert states == ["delivering", "reviewing", "posting", "posting", "posting", "settled"]


async def test_second_case_when_outcome_was_redeemed_then_refused_naming_the_winners_leaf(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer = await settle(world)
        again = await world.send(world.request("CN-31", "CN-33", SH_RECORDS, SH))
        assert again.status == 202, again.body  # the refused certificate was given back and may be claimed again
        taken = {item["record"]: item for item in again.body["items"]}[COURSE]
        assert taken["reason"] == "outcome_taken"
        assert taken["taken_leaf"] == (await world.gateway.parts.reading.scope(transfer))[0][1]
