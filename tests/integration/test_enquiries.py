"""What records are there: asked under consent, listed or declined by the bank asked, over at its deadline.  PR-111 to PR-121."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.auditor import books, check_receipt, check_refusal
from support.enquiries import ASKED, ASKER, RECORDS, STRANGER, TODAY, Question, asked, given, listing, question, taken_back
from support.region import PERSON, START, Message, region, take, tools, trust_data

from gateway.crypto.digests import salted_digest
from gateway.errors import ConsentError
from gateway.federation.protocol import CONTENT_NAMES
from gateway.mapping.documents import read, write
from gateway.model.canonical import unb64url
from gateway.model.documents import Listing
from gateway.model.scopes import EnquiryState, consent_scope, enquiry_id
from gateway.model.transfer import Act
from gateway.transfers import deadlines
from gateway.transfers.enquiry_acts import EnquiryWarned, Overdue


async def test_enquiry_when_listed_then_two_reads_are_logged_and_the_list_reaches_who_asked(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = question(world, consent={"consent_id": "consent-one"})
        opened = await world.send(message)
        assert (opened.status, opened.body["state"], opened.body["waiting_on"]) == (202, "asked", [ASKED])
        assert opened.body["enquiry"] == enquiry_id(ASKER, message.jti)
        first = check_receipt(world, message, opened).leaf
        assert (first.type, first.role, first.deadline) == ("record.read", "facing", opened.body["deadline"])
        assert dict(first.facts) == {"asked": ASKED, "consent": consent_scope(ASKER, "consent-one")}

        (fetch,) = await take(world, ASKED)
        assert (fetch.act, fetch.event, set(fetch.contents)) == ("fetch", "enquiry", {"case", "enquiry", "identity", "consent-source"})
        answer = world.message(ASKED, "list", listing(*RECORDS), scp=fetch.transfer, irt=fetch.jti)
        listed = await world.send(answer)
        assert (listed.status, listed.body["state"], listed.body["records"]) == (200, "listed", 2)
        second = check_receipt(world, answer, listed).leaf
        assert (second.type, second.role, second.state_before, second.state_after) == ("record.read", "source", "asked", "listed")
        assert dict(second.facts) == {"records": 2, "as_of": "2026-11-02"}

        (notice,) = await take(world, ASKER)
        assert (notice.act, notice.event, set(notice.contents)) == ("notify", "listed", {"notice", "listing"})
        assert notice.contents["listing"] == dict(listing(*RECORDS))["listing"]
        assert (await world.act(ASKER, "noted", scp=fetch.transfer, irt=notice.jti)).status == 200
        assert found.rows("SELECT DISTINCT state FROM owed") == [("done",)]
        assert found.audit(world.trust).finding is None


async def test_leaves_and_answers_when_read_then_hold_neither_person_nor_record(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world)
        heard = await made.do(ASKED, "list")
        leaves = b"".join(row[0] for row in found.rows("SELECT leaf FROM log_entry"))
        plain = b"".join(
            bytes(value) if isinstance(value, bytes) else str(value).encode()
            for table in ("enquiry", "owed", "message", "content")
            for row in found.rows(f"SELECT * FROM {table}")
            for value in row
        )  # fmt: skip
        for secret in (PERSON.citizen_id, PERSON.name, RECORDS[0].record, RECORDS[0].title):
            assert secret.encode() not in leaves
            assert secret.encode() not in plain
            assert secret.encode() not in heard.reply.body


async def test_enquiry_when_declined_then_who_asked_hears_so_without_a_list(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world)
        message = made.message(ASKED, "decline")
        heard = await world.send(message)
        assert (heard.status, heard.body["state"]) == (200, "declined")
        leaf = check_receipt(world, message, heard).leaf
        assert (leaf.type, dict(leaf.facts)) == ("enquiry.declined", {"reason": "record_under_review"})
        (notice,) = await made.owed(ASKER)
        assert (notice.event, set(notice.contents)) == ("enquiry_declined", {"notice"})
        assert found.audit(world.trust).finding is None


async def test_enquiry_when_nobody_answers_then_expires_against_its_own_leaf_and_who_asked_is_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world)
        row = await made.row()
        assert row.deadline == "2026-11-16T16:00:00.000000Z"  # the end of the tenth working day, at +08:00
        early = Overdue(made.scope, "CN-YRD", world.ids.jti(), world.ids.jti)
        assert (await world.gateway.committer.submit(early)).status == 409
        assert await made.lapse() == 200
        leaf = found.leaves()[-1]
        assert (leaf.type, leaf.cause, leaf.state_after, leaf.envelope) == ("enquiry.expired", (made.scope, 0), "expired", "")
        assert found.leaves()[-2].deadline == row.deadline
        (notice,) = await made.owed(ASKER)
        assert (notice.event, set(notice.contents)) == ("enquiry_expired", {"notice"})
        assert [each.event for each in await made.owed(ASKED)] == ["enquiry_expired"]
        late = await made.do(ASKED, "list")
        assert (late.code, late.body["state"]) == ("transfer.wrong_state", "expired")
        assert found.audit(world.trust).finding is None


async def test_watch_when_it_looks_then_warns_once_and_expires(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await asked(world)
        world.clock.moment = START + timedelta(days=14)
        await world.gateway.watch.look()
        assert ((await made.row()).warned, (await made.row()).state) == (1, "asked")
        again = EnquiryWarned(made.scope, (await made.row()).deadline or "")
        assert (await world.gateway.committer.submit(again)).status == 409
        world.clock.moment = START + timedelta(days=15)
        await world.gateway.watch.look()
        assert (await made.row()).state == "expired"


ROLE_OF = {ASKER: "facing", ASKED: "source", STRANGER: ""}


def expected(state: str, act: str, member: str) -> str:
    """The code of the refusal, or the state it leads to.  Written by hand from the protocol."""
    role = ROLE_OF[member]
    if act == "consent-withdraw":
        return "transfer.unknown"  # that scope is not a consent's
    if act not in {"list", "decline"} or not role:
        return "transfer.unknown"
    if role != "source":
        return "transfer.not_your_role"
    if state == "asked":
        return {"list": "listed", "decline": "declined"}[act]
    return "consent.withdrawn" if state == "withdrawn" else "transfer.wrong_state"


ELSEWHERE = {Act.REQUEST, Act.NOTED, Act.COLLECT}
"""Ask for nothing of an enquiry: the first opens a case, the second has a test below, the third polls."""


@pytest.mark.parametrize("state", [*EnquiryState])
async def test_act_when_sent_in_any_state_of_an_enquiry_by_anybody_then_done_or_one_named_refusal(
    tmp_path: Path, state: EnquiryState
) -> None:
    async with region(tmp_path) as world, books(world) as found:
        resting = await asked(world, state)
        for act in Act:
            if act in ELSEWHERE:
                continue
            for member in (ASKER, ASKED, STRANGER):
                wanted = expected(state.value, act.value, member)
                done = "." not in wanted
                made = await asked(world, state) if done else resting
                message = _of(made, member, act.value)
                before, size = found.dump(), found.size()
                heard = await world.send(message)
                place = (state.value, act.value, member)
                if done:
                    assert (heard.status, heard.body["state"]) == (200, wanted), place
                    assert check_receipt(world, message, heard).leaf.scope == made.scope
                    continue
                assert heard.code == wanted, (place, heard.body)
                check_refusal(world, message, heard, member)
                after = found.dump()
                assert {table for table in after if after[table] != before[table]} == {"message"}, place
                assert found.size() == size
        assert found.audit(world.trust).finding is None


def _of(made: Question, member: str, act: str) -> Message:
    """The act with contents of the right names, about this enquiry."""
    if act in {"list", "decline", "consent", "consent-withdraw"}:
        return made.message(member, act)
    must, _ = CONTENT_NAMES.get(act, ((), ()))
    return made.message(member, act, contents=[(name, b"<x/>") for name in must], ver=1)


async def test_stranger_when_he_answers_then_hears_what_he_hears_of_no_enquiry(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        made = await asked(world)
        for act in ("list", "decline", "noted"):
            answers = []
            for scope in (made.scope, "0" * 64):
                message = made.message(STRANGER, act, scp=scope)
                heard = await world.send(message)
                shown = {name: value for name, value in heard.body.items() if name not in {"jti", "digest", "receipt"}}
                answers.append((heard.status, shown))
            assert answers[0] == answers[1]
            assert answers[0][1]["problem"]["code"] == "transfer.unknown"


async def test_notice_when_noted_by_the_wrong_bank_or_under_another_id_then_still_owed(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world, EnquiryState.LISTED)
        (notice,) = await made.owed(ASKER)
        assert (await made.do(ASKED, "noted", irt=notice.jti)).code == "transfer.not_asked"
        assert (await made.do(ASKER, "noted", irt=made.fetch)).code == "transfer.not_asked"
        assert found.rows("SELECT state FROM owed WHERE act = 'notify'") == [("ready",)]
        assert (await made.do(ASKER, "noted", irt=notice.jti)).status == 200


async def test_messages_when_sent_again_then_stored_answers_and_nothing_twice(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        asking = question(world)
        first = await world.send(asking)
        (fetch,) = await take(world, ASKED)
        answering = world.message(ASKED, "list", listing(), scp=fetch.transfer, irt=fetch.jti)
        listed = await world.send(answering)
        size = found.size()
        world.clock.advance(days=2)
        for message, earlier in ((asking, first), (answering, listed)):
            again = await world.send(message)
            assert (again.reply.repeated, again.body) == (True, earlier.body)
        assert found.size() == size
        other = world.message(ASKED, "list", listing(*RECORDS), scp=fetch.transfer, irt=fetch.jti)
        assert (await world.send(other)).code == "transfer.wrong_state"


async def test_enquiry_when_there_is_no_agreement_then_refused(tmp_path: Path) -> None:
    data = trust_data()
    fewer = tuple(each for each in data.agreements if each.id != f"{ASKED}-{ASKER}")
    async with region(tmp_path, replace(data, agreements=fewer)) as world:
        assert (await world.send(question(world))).code == "transfer.no_agreement"


async def test_enquiry_when_its_scope_is_not_its_own_then_no_such_transfer(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        for scope in ("0" * 64, enquiry_id(ASKED, "x"), None):
            assert (await world.send(question(world, scp=scope))).code == "transfer.unknown"
        assert found.rows("SELECT * FROM enquiry") == []


async def test_consent_when_used_for_an_enquiry_then_for_nothing_else_and_the_other_way_round(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        assert (await world.send(question(world, consent={"consent_id": "consent-one"}))).status == 202
        assert (await world.send(question(world, consent={"consent_id": "consent-one"}))).code == "consent.already_used"
        assert (await world.send(world.request(ASKED, ASKER, ("R-1",), consent={"consent_id": "consent-two"}))).status == 202
        assert (await world.send(question(world, consent={"consent_id": "consent-two"}))).code == "consent.already_used"
        registered = world.consent(ASKER, ASKED, ASKED, (), consent_id="consent-three", purpose="listing")
        assert (await world.send(given(world, registered))).status == 202
        assert (await world.send(question(world, consent=registered))).status == 202
        assert (await world.send(question(world, consent=registered))).code == "consent.already_used"


@pytest.mark.parametrize("withdraw", [False, True], ids=["run out", "withdrawn"])
async def test_question_when_its_consent_ended_before_it_left_then_not_sent(tmp_path: Path, withdraw: bool) -> None:
    async with region(tmp_path) as world, books(world) as found:
        hour = START + timedelta(hours=1)
        assert (await world.send(question(world, consent={"consent_id": "consent-one", "expires_at": hour}))).status == 202
        dispatcher = world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(ASKED, 10)
        if withdraw:
            assert (await world.send(taken_back(world, ASKER, "consent-one"))).status == 200
            assert await take(world, ASKED) == []  # it never saw the question
            assert found.leaves()[-1].type == "enquiry.withdrawn"
        else:
            world.clock.advance(hours=1)
        with pytest.raises(ConsentError) as caught:
            await dispatcher.parcel(row)
        assert caught.value.code == ("consent.withdrawn" if withdraw else "consent.expired")


async def test_consent_when_withdrawn_while_asked_then_enquiry_ends_with_it_and_the_source_is_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world)
        message = taken_back(world, ASKER, made.consent_id)
        heard = await world.send(message)
        assert (heard.status, heard.body["enquiry"]["state"]) == (200, "withdrawn")
        first, second = found.leaves()[-2:]
        assert (first.type, second.type, second.n, second.cause) == ("consent.withdrawn", "enquiry.withdrawn", 1, (first.scope, 0))
        (notice,) = await made.owed(ASKED)
        assert (notice.event, set(notice.contents)) == ("enquiry_withdrawn", {"notice"})
        assert (await made.do(ASKED, "list")).code == "consent.withdrawn"
        assert (await made.do(ASKED, "noted", irt=notice.jti)).status == 200
        assert found.audit(world.trust).finding is None


async def test_list_when_consent_is_withdrawn_before_it_was_handed_out_then_never_is(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world, EnquiryState.LISTED)
        dispatcher = world.gateway.parts.mailbox.dispatcher
        (row,) = await dispatcher.due(ASKER, 10)
        heard = await world.send(taken_back(world, ASKER, made.consent_id))
        assert heard.body["enquiry"]["state"] == "listed"
        assert found.leaves()[-1].type == "consent.withdrawn"
        assert await made.owed(ASKER) == []
        with pytest.raises(ConsentError):
            await dispatcher.parcel(row)


async def test_list_when_consent_ran_out_then_refused_and_not_kept(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = question(world, consent={"expires_at": START + timedelta(hours=1)})
        scope = (await world.send(message)).body["enquiry"]
        (fetch,) = await take(world, ASKED)
        world.clock.advance(hours=1)
        heard = await world.act(ASKED, "list", listing(*RECORDS), scp=scope, irt=fetch.jti)
        assert heard.code == "consent.expired"
        assert found.rows("SELECT COUNT(*) FROM content WHERE name = 'listing'") == [(0,)]


async def test_fetch_when_opened_then_shows_who_asked_in_its_own_words(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        message = question(world)
        await world.send(message)
        (fetch,) = await take(world, ASKED)
        told = json.loads(fetch.contents["case"])
        assert list(told["envelopes"].values()) == [message.token]
        for name in ("enquiry", "identity", "consent-source"):
            assert (fetch.contents[name], fetch.sd[name]) == (message.contents[name].data, message.sd(name))


async def test_deadline_when_only_guessed_then_computed_again_once_the_table_has_grown(tmp_path: Path) -> None:
    before = deadlines.use_table(_no_table)
    try:
        async with region(tmp_path) as world:
            made = await asked(world)
            assert (await made.row()).provisional == 1
            again = Overdue(made.scope, "CN-YRD", world.ids.jti(), world.ids.jti, reschedule=True)
            assert (await world.gateway.committer.submit(again)).status == 409
            deadlines.use_table(before)
            await world.gateway.watch.look()
            assert (await made.row()).provisional == 0
            async with books(world) as found:
                leaf = found.leaves()[-1]
                assert (leaf.type, leaf.deadline, leaf.cause) == ("enquiry.rescheduled", (await made.row()).deadline, (made.scope, 0))
                assert found.audit(world.trust).finding is None
    finally:
        deadlines.use_table(before)


def _no_table(_day: date) -> bool:
    raise NotImplementedError


async def test_answer_when_proven_then_its_digest_is_the_leafs(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world)
        heard = await made.do(ASKED, "list")
        secret = unb64url(heard.body["receipt"]["answer_secret"])
        row = next(each.answer for each in found.answers() if each.jti == heard.body["jti"])
        assert found.leaves()[-1].answer == salted_digest(secret, row)


def test_listing_when_it_has_no_records_then_that_is_an_answer() -> None:
    assert read(write(Listing(TODAY, ())), Listing, tools().standard) == Listing(TODAY, ())
