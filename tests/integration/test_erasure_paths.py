"""Erasure on every way personal bytes come in: a pulled case, an enquiry, a registered consent, a contest, flags, a mailbox, a statement.

PR-340 to PR-349.  What the gateway cannot erase with one case stands in docs/erasure.md; here it is shown to be just that.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from support.auditor import books
from support.burglar import Burglar, spellings
from support.contests import FIRST, OTHER, OWNER, SECOND, Claimant, clear, pulled, pushed, scene
from support.contests import SOURCE as ISSUER
from support.enquiries import given, listing, question
from support.erasing import burglar, ordered
from support.integrity import FRAUD, flag_message
from support.region import TARGET, World, region, take
from support.statements import ACCEPTING, SCOPE, handed, month_over, row_of, settled_case

from gateway.mapping.documents import write
from gateway.model.documents import ListedRecord, Withdrawal
from gateway.recognition.integrity import FlagPaper
from gateway.recognition.statement import Difference

RECORDS = ("JS-CANARY1", "JS-CANARY2")
WORDS = (OWNER.citizen_id, OWNER.name, *RECORDS, "CANARY-TITLE-7")
CONSENT = "consent-of-the-canary"


async def asked_and_listed(world: World) -> str:
    """An enquiry about the canary, answered and heard; its scope."""
    heard = await world.send(question(world, FIRST, ISSUER, identity=OWNER))
    assert heard.status == 202, heard.body
    scope = str(heard.body["enquiry"])
    (fetch,) = (each for each in await take(world, ISSUER) if each.transfer == scope)
    told = listing(ListedRecord(RECORDS[0], "COURSE", WORDS[-1], "2023", "4 学分"))
    assert (await world.act(ISSUER, "list", told, scp=scope, irt=fetch.jti)).status == 200
    (notice,) = (each for each in await take(world, FIRST) if each.transfer == scope)
    assert (await world.act(FIRST, "noted", scp=scope, irt=notice.jti)).status == 200
    return scope


async def dismissed(world: World, case: Claimant, other: Claimant) -> None:
    """The ruling goes against the canary; what is left of its case is refused and both banks have heard all."""
    assert case.item.contested
    flagged = await world.send(flag_message(world, ISSUER, FlagPaper(case.item.nf, *FRAUD, transfer=case.transfer)))
    assert flagged.status == 202, flagged.body
    await case.review()
    assert (await clear(case.outcome, other, world)).status == 200
    for member in (FIRST, ISSUER):
        await case.hear(member)
    decided = await case.decide()
    assert decided.status == 200, decided.body
    for member in (FIRST, ISSUER):
        await case.hear(member)


async def test_erase_when_the_learner_came_by_other_ways_then_nothing_of_any_of_them_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scene(tmp_path) as (world, found):
        enquiry = await asked_and_listed(world)
        held = await pulled(world, found, OWNER, FIRST, "CANARY")
        box = await world.gateway.parts.mailbox.collect(world.message(FIRST, "collect", []).raw, TARGET)
        assert any(each["contents"] for each in json.loads(box.body)["messages"]), "built and handed out, and never acknowledged"
        withdrawal = [("withdrawal", write(Withdrawal("learner_request", "撤回")))]
        assert (await world.act(FIRST, "withdraw", withdrawal, scp=held.transfer)).status == 200
        await held.hear(ISSUER)
        consent = world.consent(FIRST, FIRST, ISSUER, RECORDS, consent_id=CONSENT)
        assert (await world.send(given(world, consent))).status == 202
        case = await pulled(world, found, OWNER, FIRST, "CANARY", consent={"consent_id": CONSENT})
        await dismissed(world, case, await pushed(world, found, OTHER, SECOND, "B"))
        thief, named = burglar(world), case.item.record
        assert thief.finds(WORDS) == list(WORDS)
        assert thief.in_clear(WORDS, world.folder / "data") == []
        digest = sha256(write(consent)).digest()
        assert thief.carved([digest], world.folder / "data") == [digest], "whoever guesses the document could compare it"
        world.clock.advance(days=31)
        for part in (case.transfer, held.transfer, enquiry):
            heard = await ordered(world, "erase", part, by=FIRST)
            assert heard.status == 200, heard.body
        assert thief.in_clear(WORDS, world.folder / "data") == []
        assert thief.finds(WORDS) == [named], "the ruling is about both learners' cases, and its answer names the record of each"
        assert thief.carved([digest], world.folder / "data") == []
        assert [each.act for each in found.answers() if named.encode() in each.answer] == ["clear"]
    said = capsys.readouterr()
    assert [word for word in WORDS if any(each.decode("latin1") in said.out + said.err for each in spellings(word))] == []


async def test_erase_when_a_statement_lists_the_case_then_the_statement_alone_still_names_its_records(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        records = ("SHCNAMED00001", "SHCUNNAMED002")
        case = await settled_case(world, *records)
        await month_over(world)
        assert (await (await handed(world, ACCEPTING)).dispute(Difference(case, records[0], "refused", "2.5"))).status == 200
        assert row_of(found).state == "disputed"
        world.clock.advance(days=31)
        heard = await ordered(world, "erase", case)
        assert heard.status == 200, heard.body
        thief = burglar(world)
        assert thief.in_clear(records, world.folder / "data") == []
        assert thief.finds(records) == list(records), "the statement is about every case of the month, and so is the word against it"
        copied = shutil.copy(thief.database, tmp_path / "copied.db")
        with closing(sqlite3.connect(copied)) as connection, connection:
            connection.execute("DELETE FROM part_key WHERE part_id = ?", (SCOPE,))
        assert Burglar(copied, thief.key).finds(records) == []
