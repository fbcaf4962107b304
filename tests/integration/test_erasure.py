"""Erasure: what was stored about one learner is gone, for whoever has the files and every key; the log and the books are as before.

PR-340 to PR-349.
"""

import base64
import json
from datetime import date
from pathlib import Path

import pytest
from support.auditor import Books, books, check_books, check_receipt, check_refusal, log_verifier, shanghai_part
from support.burglar import Burglar, spellings
from support.enquiries import ASKED, ASKER, asked, taken_back
from support.erasing import burglar, order, ordered
from support.region import World, acknowledgement, region, take
from support.stages import ACCEPTING, PRESIDING, SOURCE, STRANGER, Stage, book, owed, stage

from gateway.errors import ErasedError, StorageError
from gateway.federation.part_orders import part_scope
from gateway.federation.protocol import GATEWAY_ID
from gateway.formats.xml_safe import parse_own_xml
from gateway.mapping import regional_xml
from gateway.model.documents import Identity
from gateway.model.identifiers import citizen_number_for
from gateway.model.scopes import EnquiryState
from gateway.model.transfer import State
from gateway.storage.backup import back_up, read_backup, restore
from gateway.transferlog.erased import erased_parts, read_erased, write_erased
from gateway.transferlog.leaf import parse_leaf
from gateway.transferlog.proof import verify_receipt_proof
from gateway.transfers.intake import committed_fields

CITIZEN, NAME, ACCOUNT, THEIRS, CERTIFICATE, RECORD = (
    citizen_number_for("310101", date(1995, 3, 7), 42), "金丝雀甲", "100977700431", "ACC-CANARY-77", "Z0CANARY00000042", "SHCCANARY001"
)  # fmt: skip
WORDS = (CITIZEN, NAME, ACCOUNT, THEIRS, CERTIFICATE, RECORD)
RECORDS = (RECORD, f"{RECORD}C")
PERSON = Identity(CITIZEN, NAME, synthetic=True)


def part_of(*records: str) -> bytes:
    push = json.loads(shanghai_part(*records, account=ACCOUNT))
    push["certificate_experience"] = [
        {"cert_exp_outer_id": f"{records[0]}C", "certificate_name": f"物流师 {CERTIFICATE}", "certificate_level": "三级",
         "experience_time": "2023-07-05 00:00:00", "inst_name": "上海开放大学黄浦分校"}
    ]  # fmt: skip
    push["certificate_num"] = 1
    return json.dumps(push, ensure_ascii=False).encode()


async def guessed(world: World, transfer: str) -> list[dict[str, str]]:
    """The case's records as somebody might write them down who knows the learner well: rightly, and with each other score beside."""
    regional = (await world.gateway.receiver.vault.some_of(transfer, [(GATEWAY_ID, transfer, "regional")]))[0]
    records = [committed_fields(record) for record in regional_xml.part_of(parse_own_xml(regional.data)).records]
    return [*records, *({**record, "score.value": str(score)} for record in records for score in range(60, 100, 13))]


async def settled(world: World) -> Stage:
    """A case of the canary's own, through correction, decision, dispute and booking, with repeats and refusals on the way."""
    opened = world.request(SOURCE, ACCEPTING, RECORDS, part_of(RECORD), identity=PERSON, accounts={SOURCE: ACCOUNT})
    heard = await world.send(opened)
    assert heard.status == 202, json.dumps(heard.body["problem"], ensure_ascii=False)
    twice = await world.send(world.request(SOURCE, ACCEPTING, RECORDS, part_of(RECORD), identity=PERSON))
    assert twice.status in {202, 409}, twice.body
    made = Stage(world, heard.body["transfer"], RECORDS, heard.body["ver"], sds={"identity": opened.sd("identity")})
    await made.take_forward()
    await made.do(ACCEPTING, "acknowledge", contents=acknowledgement(world, THEIRS))
    assert (await made.try_(ACCEPTING, "ask", ver=99)).status == 409
    await made.do(ACCEPTING, "decide")
    made.jtis["notice"] = (await owed(made, SOURCE, "notify")).jti
    await book(made)
    await made.do(SOURCE, "dispute")
    await made.do(ACCEPTING, "uphold")
    await made.do(PRESIDING, "uphold")
    for member in (SOURCE, ACCEPTING):
        while waiting := [each for each in await take(world, member) if each.transfer == made.transfer]:
            await made.do(member, "noted", irt=waiting[0].jti)
    return made


async def test_erase_when_done_then_nothing_personal_is_left_that_any_key_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await settled(world)
        await world.gateway.states.look()
        await take(world, SOURCE)
        thief = burglar(world)
        # Sealed from the first moment on: readable nowhere in the files, not in what was logged, but with the master key.
        assert thief.in_clear(WORDS, world.folder / "data") == []
        assert thief.finds(WORDS) == list(WORDS)
        before, size, dump = found.leaves(), found.size(), found.dump()
        openings = next(each for key, each in (await world.gateway.receiver.vault.all_of(case.transfer)).items() if key[2] == "openings")
        documents = [each.data for each in (await world.gateway.receiver.vault.all_of(case.transfer)).values()]
        assert thief.matches([], documents), "he matches them while the secrets are there"
        opened = set(map(bytes.fromhex, json.loads(openings.data).values()))
        assert opened <= thief.secrets()
        records = await guessed(world, case.transfer)
        commitments = {cm for leaf in found.leaves() for cm, _, _ in leaf.items if cm}
        assert len(commitments) == len(RECORDS)
        assert thief.matches(records, []) == commitments, "he matches each guessed record while the secrets are there"
        wrapped = [row[0] for row in found.rows("SELECT wrapped FROM part_key WHERE part_id = ?", case.transfer)]
        assert thief.carved([*wrapped, *opened], world.folder / "data") == wrapped

        world.clock.advance(days=31)
        message = world.message(SOURCE, "erase", order(case.transfer), scp=part_scope(case.transfer))
        heard = await world.send(message)
        assert heard.status == 200, heard.body
        proven = check_receipt(world, message, heard)
        leaf = proven.leaf
        assert (leaf.type, leaf.scope, leaf.seq, leaf.actor, leaf.role) == (
            "erasure.done", part_scope(case.transfer), 0, SOURCE, "facing",
        )  # fmt: skip
        assert (leaf.facts["reason"], leaf.items, leaf.totals) == ("learner_request", (), None)
        assert (world.folder / "data" / "gateway.db-wal").stat().st_size == 0, "the log written ahead is emptied"
        assert thief.in_clear(WORDS, world.folder / "data") == []
        assert thief.finds(WORDS) == []
        assert thief.matches(records, documents) == set()
        assert thief.carved([*wrapped, *opened], world.folder / "data") == [], "nor does the key lie in a freed page or the log ahead"
        assert commitments <= thief.committed(), "what he tried them against is still all there"
        guesses = [citizen_number_for("310101", date(1995, 3, 7), place).encode() for place in range(1000)]
        assert CITIZEN.encode() in guesses
        assert thief.matches([], guesses) == set()
        # The log is as it was, and goes on; states, credits and outcomes are as they were.
        assert found.leaves()[:size] == before
        assert found.audit(world.trust).ok
        check_books(found)
        after = found.dump()
        assert [row[:2] + row[3:14] for row in after["item"]] == [row[:2] + row[3:14] for row in dump["item"]]
        assert after["outcome"] == dump["outcome"]
    said = capsys.readouterr()
    assert [word for word in WORDS if any(each.decode("latin1") in said.out + said.err for each in spellings(word))] == []


async def test_erase_when_the_case_is_open_disputable_or_held_then_refused_with_the_day_from_which_it_is_possible(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        still_open, case = await stage(world, State.REVIEWING), await stage(world, State.SETTLED)
        size = found.size()
        for heard, code, possible in (
            (await ordered(world, "erase", still_open.transfer), "erase.open_case", None),
            (await ordered(world, "erase", case.transfer), "erase.open_case", "2026-12-02"),
            (await ordered(world, "erase", case.transfer, by=PRESIDING), "erase.open_case", "2026-12-02"),
            (await ordered(world, "legal-release", case.transfer, reason="audit"), "erase.not_held", None),
            (await ordered(world, "erase", case.transfer, reason="court_order"), "erase.bad_reason", None),
            (await ordered(world, "legal-hold", case.transfer, reason="learner_request"), "erase.bad_reason", None),
            (await ordered(world, "legal-hold", case.transfer, reason="audit", until="2026-11-01"), "erase.bad_reason", None),
            (await ordered(world, "erase", case.transfer, by=ACCEPTING), "transfer.unknown", None),
            (await ordered(world, "erase", case.transfer, by=STRANGER), "transfer.unknown", None),
            (await ordered(world, "erase", "ab" * 32), "transfer.unknown", None),
            (await world.act(SOURCE, "erase", order(case.transfer), scp=part_scope(still_open.transfer)), "erase.other_part", None),
            (await world.act(SOURCE, "erase", order(case.transfer, "because"), scp=part_scope(case.transfer)), "format.part_order", None),
            (await world.act(SOURCE, "erase", order(case.transfer), scp="part:"), "transfer.unknown", None),
        ):
            assert heard.code == code, heard.body
            assert (heard.body.get("possible_from") or "")[:10] == (possible or ""), heard.body
            assert heard.body["receipt"].keys() == {"answer_secret", "refusal"}
        assert found.size() == size, "none of them is a leaf"
        assert (await ordered(world, "legal-hold", case.transfer, by=ACCEPTING, reason="court_order", until="2027-01-31")).status == 200
        assert (await ordered(world, "legal-hold", case.transfer, by=SOURCE, reason="audit")).code == "erase.held_already"
        world.clock.advance(days=31)
        held = await ordered(world, "erase", case.transfer)
        assert (held.code, held.body["possible_from"]) == ("erase.legal_hold", "2027-01-31")
        assert (await ordered(world, "legal-release", case.transfer, by=ACCEPTING, reason="court_order")).status == 200
        assert (await ordered(world, "erase", case.transfer, by=PRESIDING, reason="supervisor_order")).status == 200
        assert (await ordered(world, "erase", case.transfer)).code == "erase.already"
        assert (await ordered(world, "legal-hold", case.transfer, reason="audit")).code == "erase.already"
        told = [(leaf.type, leaf.seq, leaf.actor, leaf.role, dict(leaf.facts)) for leaf in found.leaves() if leaf.scope.startswith("part:")]
        assert told == [
            ("hold.set", 0, ACCEPTING, "party", {"reason": "court_order", "until": "2027-01-31"}),
            ("hold.released", 1, ACCEPTING, "party", {"reason": "court_order"}),
            ("erasure.done", 2, PRESIDING, "presiding", {"reason": "supervisor_order"}),
        ]
        assert found.audit(world.trust).ok


async def test_erased_case_when_anything_is_asked_of_it_then_it_says_so_and_both_banks_are_told(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED)
        old = case.message(SOURCE, "revoke")
        again = case.message(ACCEPTING, "ask")
        first = await world.send(again)
        assert first.code == "transfer.wrong_state"
        world.clock.advance(days=31)
        message = world.message(SOURCE, "erase", order(case.transfer), scp=part_scope(case.transfer))
        done = await world.send(message)
        assert done.status == 200
        repeated = await world.send(message)
        assert (repeated.reply.repeated, repeated.body) == (True, done.body), "the erasure's own answer can be had again"
        # An old message again: no stored body, but the gateway's signed word that it had answered, bound to the same contents.
        heard = await world.send(again)
        assert (heard.status, heard.code, heard.reply.repeated) == (410, "storage.erased", True)
        check_refusal(world, again, heard, ACCEPTING)
        told = heard.body["answered"]
        assert (told["status"], told["leaf"], told["scope"]) == (409, first.body["receipt"]["index"], case.transfer)
        assert all(record not in json.dumps(heard.body) for record in case.records)
        # A new act: a refusal in the case's own scope.
        for act in ("dispute", "amend"):
            fresh = case.message(SOURCE, act)
            heard = await world.send(fresh)
            assert (heard.status, heard.code) == (410, "storage.erased")
            assert check_receipt(world, fresh, heard).leaf.type == "transfer.refused"
        assert (await case.try_(STRANGER, "dispute")).code == "transfer.unknown"
        assert old.jti
        with pytest.raises(ErasedError) as gone:
            await world.gateway.receiver.vault.all_of(case.transfer)
        assert gone.value.code == "storage.erased"
        for member in (SOURCE, ACCEPTING):
            notice = json.loads((await case.noted(member, "erased")).contents["notice"])
            raw = base64.b64decode(notice["erasure"]["leaf"])
            verify_receipt_proof(raw, notice["erasure"]["proof"], [log_verifier(world.trust)])
            assert parse_leaf(raw).type == "erasure.done"
            assert {item["record"] for item in notice["case"]["items"]} == {"erased-0", "erased-1"}
        shown = await world.gateway.parts.status.show(case.transfer, SOURCE)
        assert {(each["to"], each["state"]) for each in shown["owed"] if each["event"] == "erased"} == {
            (SOURCE, "done"),
            (ACCEPTING, "done"),
        }
        assert (shown["state"], shown["totals"]["recognised"]) == ("settled", "4.0")
        check_books(found)


async def test_enquiry_when_erased_then_its_list_is_gone_and_an_open_one_is_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        listed, waiting = await asked(world, EnquiryState.LISTED), await asked(world)
        assert (await ordered(world, "erase", waiting.scope, by=ASKER)).code == "erase.open_case"
        for each in await take(world, ASKER):
            if each.transfer == listed.scope:
                await world.act(ASKER, "noted", scp=listed.scope, irt=each.jti)
        assert (await ordered(world, "erase", listed.scope, by=ASKER)).status == 200
        with pytest.raises(ErasedError):
            await world.gateway.receiver.vault.all_of(listed.scope)
        assert found.audit(world.trust).ok


async def test_enquiry_when_erased_then_new_words_on_it_are_told_so_and_strangers_hear_of_nothing(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        listed, declined = await asked(world, EnquiryState.LISTED), await asked(world, EnquiryState.DECLINED)
        for each in await take(world, ASKER):
            await world.act(ASKER, "noted", scp=each.transfer, irt=each.jti)
        for question in (listed, declined):
            assert (await ordered(world, "erase", question.scope, by=ASKER)).status == 200
        size, before = found.size(), found.dump()
        for question in (listed, declined):
            back = taken_back(world, ASKER, question.consent_id)
            for iss, code, said in (
                (ASKED, "storage.erased", question.message(ASKED, "list")),
                (ASKED, "storage.erased", question.message(ASKED, "decline")),
                (ASKER, "transfer.not_your_role", question.message(ASKER, "list")),
                (STRANGER, "transfer.unknown", question.message(STRANGER, "list")),
                (STRANGER, "transfer.unknown", question.message(STRANGER, "decline")),
                (ASKER, "storage.erased", back),
                (STRANGER, "consent.unknown", taken_back(world, STRANGER, question.consent_id)),
            ):
                heard = await world.send(said)
                assert heard.code == code, (iss, heard.body)
                assert heard.status == (410 if code == "storage.erased" else heard.status)
                check_refusal(world, said, heard, iss)
            again = await world.send(back)
            assert (again.reply.repeated, again.code) == (True, "storage.erased")
        after = found.dump()
        assert {table for table in after if after[table] != before[table]} == {"message"}
        assert found.size() == size, "an enquiry's refusals are no leaves"


async def test_backup_when_restored_then_what_was_erased_since_is_destroyed_before_it_is_a_database(tmp_path: Path) -> None:
    async with region(tmp_path / "one") as world:
        kept, gone = await stage(world, State.SETTLED), await stage(world, State.SETTLED)
        file = world.folder / "data" / "gateway.db"
        made = back_up(file, tmp_path / "backup", "2026-11-02T01:00:00Z")
        with pytest.raises(StorageError, match=r"storage\.backup_exists"):
            back_up(file, tmp_path / "backup", "2026-11-02T01:00:00Z")
        world.clock.advance(days=31)
        assert (await ordered(world, "erase", gone.transfer)).status == 200
        erased = erased_parts(enumerate(await world.gateway.receiver.reading.entries(0, world.gateway.ledger.size)))
        assert erased == {gone.transfer: {"at": "2026-12-03T01:00:00.000000Z", "by": SOURCE, "reason": "learner_request"}}
        assert read_erased(json.loads(write_erased(erased))) == erased
        with pytest.raises(StorageError, match=r"storage\.database_exists"):
            restore(tmp_path / "backup", file, erased)
        key = burglar(world).key
    assert read_backup(tmp_path / "backup") == made
    thief = Burglar(tmp_path / "backup" / "gateway.db", key)
    assert thief.finds(gone.records) == list(gone.records), "the backup as it was made still opens"
    target = tmp_path / "two" / "gateway.db"
    assert restore(tmp_path / "backup", target, erased).destroyed == (gone.transfer,)
    thief = Burglar(target, key)
    assert (thief.finds(gone.records), thief.finds(kept.records)) == ([], list(kept.records))
    assert Books(target).audit().ok
    with (tmp_path / "backup" / "gateway.db").open("r+b") as spoiled:
        spoiled.seek(5000)
        spoiled.write(b"\xff")
    with pytest.raises(StorageError, match=r"storage\.backup_broken"):
        restore(tmp_path / "backup", tmp_path / "three" / "gateway.db", erased)
    assert not (tmp_path / "three" / "gateway.db").exists()
