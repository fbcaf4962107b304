"""The source bank is asked: request without a part, `fetch`, `confirm` with the part, and what can go wrong on the way."""

from pathlib import Path

from support.region import PERSON, SAMPLES, World, region, take

from gateway.adapters.part_manifest import write_manifest
from gateway.mapping.documents import write
from gateway.model.documents import Confirmation, ConfirmationItem, Identity, Withdrawal
from gateway.model.local import PartManifest

JS = (SAMPLES / "jiangsu" / "samples" / "good" / "js-soap.xml").read_bytes()
PERSON_JS = Identity("320508198811113025", "李䶮", synthetic=True)
IDS = ("JS-A", "JS-B")
MANIFEST = PartManifest("2024-07", {1: "JS-A", 2: "JS-B"})


async def asked(world: World, identity: Identity = PERSON_JS) -> tuple[str, str, str]:
    heard = await world.send(world.request("CN-32", "CN-34", IDS, identity=identity))
    assert heard.status == 202, heard.body
    assert heard.body["state"] == "confirming"
    owed = (await take(world, "CN-32"))[0]
    assert owed.act == "fetch"
    return owed.transfer, owed.jti, owed.sd["identity"]


def confirmation(closed: str = "", part: bytes = JS) -> list[tuple[str, bytes]]:
    items = (ConfirmationItem("JS-A"), ConfirmationItem("JS-B", closed))
    return [("confirmation", write(Confirmation("JS320519000421770", items))), ("part", part), ("manifest", write_manifest(MANIFEST))]


async def test_confirm_when_source_is_asked_then_case_is_delivering(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer, jti, sd = await asked(world)
        heard = await world.act("CN-32", "confirm", confirmation(), scp=transfer, irt=jti, same_person=sd)
        assert heard.status == 200, heard.body
        assert heard.body["state"] == "delivering"
        assert {item["record"]: item["credits"] for item in heard.body["items"]} == {"JS-A": "3.0", "JS-B": "2.0"}
        forward = (await take(world, "CN-34"))[0]
        assert {"case", "local", "local-loss", "regional", "loss", "part", "request", "identity", "confirmation"} <= set(forward.contents)


async def test_confirm_when_source_closes_an_item_then_the_rest_goes_on(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer, jti, sd = await asked(world)
        heard = await world.act("CN-32", "confirm", confirmation("revoked"), scp=transfer, irt=jti, same_person=sd)
        assert [item["state"] for item in heard.body["items"]] == ["claimed", "closed"]


async def test_confirm_when_part_is_about_another_person_then_refused_and_still_confirming(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer, jti, sd = await asked(world, identity=PERSON)
        heard = await world.act("CN-32", "confirm", confirmation(), scp=transfer, irt=jti, same_person=sd)
        assert heard.status == 422
        assert heard.code == "record.other_person"
        assert heard.body["state"] == "confirming"
        assert "leaf" in heard.body["receipt"]


async def test_confirm_when_same_person_is_over_other_bytes_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer, jti, _ = await asked(world)
        heard = await world.act("CN-32", "confirm", confirmation(), scp=transfer, irt=jti, same_person="0" * 64)
        assert heard.code == "trust.other_identity"


async def test_decline_when_source_will_not_then_rejected_and_facing_bank_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer, jti, _ = await asked(world)
        heard = await world.act("CN-32", "decline", [("refusal", write(Withdrawal("other", "没有此人")))], scp=transfer, irt=jti)
        assert heard.status == 200, heard.body
        assert heard.body["state"] == "rejected"
        notice = (await take(world, "CN-34"))[0]
        assert (notice.act, notice.event) == ("notify", "rejected")
        noted = await world.act("CN-34", "noted", [], scp=transfer, irt=notice.jti)
        assert noted.status == 200, noted.body
        assert await take(world, "CN-34") == []


async def test_withdraw_when_facing_bank_takes_it_back_then_outcome_is_free_again(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        transfer, jti, sd = await asked(world)
        await world.act("CN-32", "confirm", confirmation(), scp=transfer, irt=jti, same_person=sd)
        paper = [("withdrawal", write(Withdrawal("other", "本人撤回")))]
        refused = await world.act("CN-32", "withdraw", paper, scp=transfer)
        assert refused.code == "transfer.not_your_role"
        heard = await world.act("CN-34", "withdraw", paper, scp=transfer)
        assert heard.body["state"] == "withdrawn"
        assert {item["state"] for item in heard.body["items"]} == {"closed"}
        again = await world.send(world.request("CN-32", "CN-31", IDS, identity=PERSON_JS, part=None))
        assert again.status == 202
