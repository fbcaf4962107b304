"""Consents that belong to no case: erased by an order, or by themselves when their time is over.  PR-363, PR-365 to PR-367."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from support.auditor import Books, books, check_receipt
from support.enquiries import given, question, taken_back
from support.erasing import burglar, order, ordered
from support.integrity import permission
from support.region import PERSON, World, region
from support.stages import ACCEPTING, PRESIDING, SOURCE, STRANGER, stage

from gateway.federation.part_orders import part_scope
from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.documents import write
from gateway.model.documents import Consent
from gateway.model.scopes import consent_scope
from gateway.model.transfer import State
from gateway.storage.backup import back_up, restore
from gateway.storage.rows import ConsentRow
from gateway.transferlog.erased import also_facts, also_of, erased_parts
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.case import utc_text
from gateway.transfers.consent_terms import AT_ONCE, ConsentTerms, Outlived

RECORDS = ("SHCCANARY00001", "SHCCANARY00002")
HELD_YEARS = 3


def row_of(found: Books, consent: Consent) -> ConsentRow:
    (row,) = (ConsentRow(*each) for each in found.rows("SELECT * FROM consent WHERE id = ?", consent.consent_id))
    return row


def terms(world: World) -> ConsentTerms:
    parts = world.gateway
    return ConsentTerms(parts.database, parts.committer, world.clock, world.ids, HELD_YEARS)


async def registered(world: World, **changes: Any) -> tuple[Consent, str]:
    """A consent for reading flags, with the learner's identity block; its text and its part."""
    told, message, scope = permission(world, STRANGER, changes.pop("names", RECORDS), **changes)
    heard = await world.send(message)
    assert heard.status == 202, heard.body
    return told, scope


async def test_erase_when_a_consent_belongs_to_no_case_then_its_papers_go_and_it_counts_no_more(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        flags, part = await registered(world)
        spare = world.consent(ACCEPTING, SOURCE, SOURCE, RECORDS, purpose="listing")
        first = given(world, spare)
        assert (await world.send(first)).status == 202
        words, thief = (PERSON.citizen_id, PERSON.name, *RECORDS), burglar(world)
        assert thief.finds(words) == list(words)
        for by, code in ((SOURCE, "transfer.unknown"), (STRANGER, "transfer.unknown"), (ACCEPTING, "erase.bad_reason")):
            assert (await ordered(world, "erase", part, by=by, reason="audit")).code == code
        message = world.message(ACCEPTING, "erase", order(part), scp=part_scope(part))
        heard = await world.send(message)
        leaf = check_receipt(world, message, heard).leaf
        assert (leaf.type, leaf.scope, leaf.role, dict(leaf.facts)) == (
            "erasure.done", part_scope(part), "facing", {"reason": "learner_request"},
        )  # fmt: skip
        assert (await ordered(world, "erase", part, by=ACCEPTING)).code == "erase.already"
        assert thief.finds((PERSON.citizen_id, PERSON.name)) == []
        assert (await ordered(world, "erase", consent_scope(ACCEPTING, spare.consent_id), by=PRESIDING)).status == 200
        assert thief.finds(words) == []
        assert [row_of(found, each)[5:8] for each in (flags, spare)] == [("erased", 1, "erased"), ("erased", 1, "erased")]
        assert found.rows("SELECT * FROM flag_consent") == []
        # Whoever comes with it hears that it is gone, and the old message its own answer's shadow.
        assert (await world.send(question(world, consent=spare))).code == "storage.erased"
        assert (await world.send(taken_back(world, ACCEPTING, spare.consent_id))).code == "storage.erased"
        assert (await world.send(given(world, spare))).code == "consent.already_given"
        again = await world.send(first)
        assert (again.code, again.reply.repeated) == ("storage.erased", True)
        assert found.audit(world.trust).ok


async def test_erase_when_a_case_or_question_took_the_consent_up_then_it_is_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        spare = world.consent(ACCEPTING, SOURCE, SOURCE, RECORDS, purpose="listing")
        assert (await world.send(given(world, spare))).status == 202
        asked = await world.send(question(world, consent=spare))
        assert asked.status == 202
        refused = await ordered(world, "erase", consent_scope(ACCEPTING, spare.consent_id), by=ACCEPTING)
        assert (refused.code, row_of(found, spare).transfer) == ("erase.consent_used", asked.body["enquiry"])


async def test_erase_when_the_facing_bank_holds_consents_about_the_cases_records_then_they_go_along_unless_held(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED, pulled=True)
        assert found.transfer(case.transfer).facing == ACCEPTING
        _, same = await registered(world, names=case.records[:1])
        _, elsewhere = await registered(world, names=RECORDS)
        world.clock.advance(days=31)
        assert (await ordered(world, "legal-hold", same, by=ACCEPTING, reason="court_order", until="2026-12-31")).status == 200
        held = await ordered(world, "erase", case.transfer, by=ACCEPTING)
        assert (held.code, held.body["possible_from"]) == ("erase.legal_hold", "2026-12-31")
        assert (await ordered(world, "legal-release", same, by=ACCEPTING, reason="court_order")).status == 200
        assert (await ordered(world, "erase", case.transfer, by=ACCEPTING)).status == 200
        assert set(also_of(found.leaves()[-1].facts)) & {same, elsewhere} == {same}
        thief = burglar(world)
        assert (thief.finds(case.records), thief.finds(RECORDS)) == ([], list(RECORDS))
        assert (await ordered(world, "erase", same, by=ACCEPTING)).code == "erase.already"


def test_also_when_more_go_along_than_one_fact_holds_then_it_has_pages() -> None:
    parts = [f"{number:064x}" for number in range(130)]
    facts = also_facts(reversed(parts))
    assert list(facts) == ["also", "also_2", "also_3"]
    assert also_of({"reason": "audit", **facts}) == parts
    assert max(map(len, facts.values())) <= 4096
    assert also_facts([]) == {}
    at = "2026-12-01T00:00:00.000000Z"
    lapsed = Leaf("erasure.lapsed", at, "part:one", 0, GATEWAY_ID, "j", cause=("one", 0), actor=GATEWAY_ID, role="gateway", facts=facts)
    assert erased_parts([(0, leaf_bytes(lapsed))]).keys() == {"one", *parts}


async def test_consents_when_their_time_is_over_then_they_end_by_themselves_and_no_other_does(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        told, part = await registered(world)
        held_text, held = await registered(world)
        later, _ = await registered(world, expires_at=told.expires_at + timedelta(days=2))
        used = world.consent(ACCEPTING, SOURCE, SOURCE, RECORDS, purpose="listing")
        assert (await world.send(given(world, used))).status == 202
        assert (await world.send(question(world, consent=used))).status == 202
        assert (await ordered(world, "legal-hold", held, by=ACCEPTING, reason="audit")).status == 200
        world.clock.moment = told.expires_at.replace(year=told.expires_at.year + HELD_YEARS)
        task = terms(world)
        await task.look()
        assert row_of(found, told).state == "given", "to the day, and not yet"
        late = utc_text(world.clock.now())
        for text, before in ((told, row_of(found, told).until), (held_text, late), (used, late)):
            asked = Outlived(ACCEPTING, text.consent_id, before, world.ids.jti())
            assert (await world.gateway.committer.submit(asked)).status == 409, "under the lock it is judged again"
        made = back_up(world.folder / "data" / "gateway.db", tmp_path / "backup", "2030-01-01T00:00:00Z")
        world.clock.advance(days=1)
        await task.look()
        assert [row_of(found, each).state for each in (told, held_text, later, used)] == ["erased", "given", "given", "given"]
        leaf = found.leaves()[-1]
        assert (leaf.type, leaf.scope, leaf.iss, leaf.cause, dict(leaf.facts)) == (
            "erasure.lapsed", part_scope(part), GATEWAY_ID, (part, 0), {"reason": "retention_ended"},
        )  # fmt: skip
        assert (world.folder / "data" / "gateway.db-wal").stat().st_size == 0
        size = found.size()
        await task.look()
        await terms(world).look()
        assert found.size() == size, "once, whoever looks again"
        assert found.audit(world.trust).ok
        erased = erased_parts(enumerate(await world.gateway.receiver.reading.entries(0, size)))
        assert erased[part]["by"] == GATEWAY_ID
        assert made.parts > 0
        target = tmp_path / "two" / "gateway.db"
        assert restore(tmp_path / "backup", target, erased).destroyed == (part,)
        assert [each[5] for each in Books(target).rows("SELECT * FROM consent WHERE scope = ?", part)] == ["erased"]
        assert Books(target).rows("SELECT * FROM flag_consent WHERE scope = ?", part) == []


async def test_consents_when_there_are_more_than_one_page_then_all_that_are_due_end(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        texts = [world.consent(ACCEPTING, SOURCE, SOURCE, RECORDS, purpose="listing") for _ in range(AT_ONCE + 1)]
        for text in texts:
            assert (await world.send(given(world, text))).status == 202
        assert write(texts[0])
        world.clock.advance(days=366 * HELD_YEARS + 61)
        await terms(world).look()
        assert {row[0] for row in found.rows("SELECT state FROM consent")} == {"erased"}
