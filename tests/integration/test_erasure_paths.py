"""Erasure on every way personal bytes come in: a pulled case, an enquiry, a registered consent, a contest, flags, a mailbox, a statement.

PR-340 to PR-349, PR-362 to PR-364.
"""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from support.auditor import books
from support.burglar import spellings
from support.contests import FIRST, OTHER, OWNER, SECOND, Claimant, clear, pulled, pushed, scene
from support.contests import SOURCE as ISSUER
from support.enquiries import given, listing, question
from support.erasing import burglar, ordered
from support.integrity import FRAUD, flag_message
from support.region import TARGET, World, acknowledgement, region, take
from support.statements import ACCEPTING, SOURCE, handed, month_over, pending_case, row_of, settled_case

from gateway.mapping.documents import write
from gateway.model.documents import ListedRecord, Withdrawal
from gateway.model.scopes import consent_scope, ruling_part
from gateway.recognition.integrity import FlagPaper
from gateway.recognition.statement import Difference, write_differences
from gateway.transferlog.erased import also_of

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
        assert "clear" in {each.act for each in found.answers() if named.encode() in each.answer}
        heard = await ordered(world, "erase", case.transfer, by=FIRST)
        assert heard.status == 200, heard.body
        rulings = [ruling_part(leaf.iss, leaf.jti) for leaf in found.leaves() if leaf.type == "outcome.cleared" and leaf.envelope]
        also = {consent_scope(FIRST, CONSENT), enquiry, *rulings}
        assert set(also_of(found.leaves()[-1].facts)) == also, "the list and the ruling named its records too"
        assert (await ordered(world, "erase", enquiry, by=FIRST)).code == "erase.already"
        assert [named for named in WORDS if named in thief.finds(WORDS)] == [WORDS[0], WORDS[1], *RECORDS], "another case of his names them"
        assert (await ordered(world, "erase", held.transfer, by=FIRST)).status == 200
        assert thief.in_clear(WORDS, world.folder / "data") == []
        assert thief.finds(WORDS) == []
        assert thief.carved([digest], world.folder / "data") == []
    said = capsys.readouterr()
    assert [word for word in WORDS if any(each.decode("latin1") in said.out + said.err for each in spellings(word))] == []


async def test_erase_when_a_statement_lists_the_case_then_only_its_own_lines_are_gone_and_no_guess_matches(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        gone, kept = ("SHCNAMED00001", "SHCUNNAMED002"), ("SHCSTAYS00003", "SHCSTAYS00004")
        case, other = await settled_case(world, *gone), await settled_case(world, *kept)
        await month_over(world)
        hands = await handed(world, ACCEPTING)
        nobodys = Difference("f" * 64, "NOBODYS", "", None)
        items = (Difference(case, gone[0], "refused", "2.5"), Difference(other, kept[0], "", None), nobodys)
        assert (await hands.dispute(*items)).status == 200
        word = write_differences(hands.sd, 1, items)
        documents, spelled = [hands.owed.contents["statement"], word], word.replace(b",", b", ")
        assert (await hands.dispute(*items, data=spelled)).code == "format.statement", "what is cut out is found by its bytes"
        thief = burglar(world)
        assert thief.in_clear((*gone, *kept), world.folder / "data") == []
        assert thief.finds((*gone, *kept)) == [*gone, *kept]
        assert len(thief.matches([], documents)) == 2, "he matches both papers while the secrets are there"
        world.clock.advance(days=31)
        assert (await ordered(world, "erase", case)).status == 200
        assert thief.in_clear((*gone, *kept), world.folder / "data") == []
        assert thief.finds((*gone, *kept, "NOBODYS")) == [*kept, "NOBODYS"], "the statement and the word against it still say the rest"
        assert thief.matches([], documents) == set(), "who knows all of a paper but its secret cannot try it against the log"
        (first, second, third) = json.loads(row_of(found).disputed)[ACCEPTING]
        assert [each[:2] for each in (first, second, third)] == [[case, ""], [other, kept[0]], ["f" * 64, ""]]
        assert found.audit(world.trust).ok
        # What is said of the cases that are left can still be answered, item by item.
        assert (await hands.dispute(Difference(case, gone[0], "", None), Difference(other, kept[0], "refused", "0"))).status == 200
        (first, second) = json.loads(row_of(found).disputed)[ACCEPTING]
        assert (first, second[1:]) == ([case, "", "", None, "", None], [kept[0], "refused", "0", "recognised", "4.0"])
        assert thief.finds(gone) == [], "nor does a bank bring back the names of what was erased"


async def test_erase_when_a_case_on_its_way_names_its_like_then_that_is_sent_again_without_the_name(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        gone, kept = "SHCNAMED00001", "SHCSTAYS00003"
        case = await settled_case(world, gone)
        world.clock.advance(days=29)
        other = await pending_case(world, kept)
        (first,) = (each for each in await take(world, ACCEPTING) if each.transfer == other)
        assert [each["other_record"] for each in json.loads(first.contents["case"])["likely_twins"]] == [gone]
        world.clock.advance(days=1, hours=1)
        heard = await ordered(world, "erase", case)
        assert heard.status == 200, heard.body
        assert burglar(world).finds((gone, kept)) == [kept]
        assert [each.act for each in await take(world, ACCEPTING) if each.transfer == other] == [], "it cannot be sent as it was"
        (again,) = (each for each in await take(world, ACCEPTING) if each.transfer == other)
        assert (again.act, again.jti != first.jti, again.sd["part"]) == ("forward", True, first.sd["part"])
        assert "likely_twins" not in json.loads(again.contents["case"])
        heard = await world.act(ACCEPTING, "acknowledge", acknowledgement(world), scp=other, irt=again.jti, posture="account")
        assert (heard.status, heard.body["state"]) == (200, "reviewing"), heard.body
        assert found.audit(world.trust).ok


async def test_erase_when_a_bank_has_not_had_the_statement_then_it_gets_the_next_revision_without_the_names(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await settled_case(world, "SHCNAMED00001")
        await month_over(world)
        assert (await (await handed(world, ACCEPTING)).sign()).status == 200
        world.clock.advance(days=31)
        assert (await ordered(world, "erase", case)).status == 200
        assert row_of(found).torn == 1
        assert [each.event for each in await take(world, SOURCE)] == ["erased"], "the document is not whole any more"
        await month_over(world)
        again = await handed(world, SOURCE)
        assert (again.statement.revision, row_of(found).torn) == (2, 0)
        assert [item.record for each in again.statement.cases or () for item in each.items] == ["erased-0"]
        heard = await again.sign()
        assert heard.status == 200, heard.body
