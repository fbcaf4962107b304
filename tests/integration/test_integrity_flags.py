"""Integrity flags as acts: set, appealed, upheld, lifted, brought before the presiding unit; who may, and what the log tells.

PR-300 to PR-309.
"""

from datetime import datetime, timedelta
from pathlib import Path

from support.auditor import books, check_receipt, check_refusal, proven_codes
from support.integrity import DUPLICATE, FRAUD, REVOKED, Marker, flag_message, flags
from support.region import region
from support.stages import ACCEPTING, PRESIDING, SOURCE, STRANGER, stage

from gateway.model.canonical import jcs
from gateway.model.scopes import integrity_scope
from gateway.model.transfer import State
from gateway.recognition.integrity import FlagPaper


async def test_flag_when_carried_through_its_life_then_each_step_one_leaf_and_only_the_closed_words(tmp_path: Path) -> None:
    """PR-300 to PR-302, PR-304 to PR-307."""
    async with region(tmp_path) as world, books(world) as found:
        case = await stage(world, State.SETTLED, pulled=True)
        hand, size = Marker.of(case, found), found.size()
        message = flag_message(world, ACCEPTING, FlagPaper(hand.nf, *FRAUD, transfer=case.transfer))
        set_ = await world.send(message)
        assert (set_.status, set_.body["state"], set_.body["kind_zh"], set_.body["set_by"]) == (202, "flagged", "已证实造假", ACCEPTING)
        scope = str(set_.body["flag"])
        proven = check_receipt(world, message, set_).leaf
        assert (proven.type, proven.scope, proven.role, dict(proven.facts)) == (
            "integrity.flagged", integrity_scope(ACCEPTING, message.jti), "accepting", {"kind": FRAUD[0], "reason": FRAUD[1]},
        )  # fmt: skip
        (row,) = flags(found)
        assert (row.record, row.source, row.transfer, row.derived) == (case.records[0], SOURCE, case.transfer, 0)

        early = await hand.say(SOURCE, "flag-escalate", scope)
        assert (early.code, early.body["state"]) == ("transfer.wrong_state", "flagged")
        appealed = await hand.must(SOURCE, "flag-appeal", scope)
        assert (appealed.body["appealed_by"], appealed.body["appeal_reason_zh"]) == (SOURCE, "登记差错")
        assert appealed.body["due"] == "2026-11-23T16:00:00.000000Z", "fifteen working days"
        again = await hand.say(SOURCE, "flag-appeal", scope)
        assert (again.status, again.code, again.body["state"]) == (409, "transfer.wrong_state", "appealed")
        assert (await hand.say(ACCEPTING, "flag-escalate", scope)).code == "transfer.wrong_state", "who set it still has time"
        assert (await hand.say(SOURCE, "flag-uphold", scope)).code == "transfer.not_your_role"
        await hand.must(ACCEPTING, "flag-uphold", scope)
        assert (await hand.say(SOURCE, "flag-appeal", scope)).code == "transfer.wrong_state", "an appeal is made once"
        assert (await hand.say(PRESIDING, "flag-uphold", scope)).code == "transfer.unknown", "nobody has brought it before the unit"
        await hand.must(SOURCE, "flag-escalate", scope)
        assert (await hand.say(STRANGER, "flag-lift", scope)).code == "transfer.unknown"
        assert (await hand.must(PRESIDING, "flag-uphold", scope)).body["state"] == "confirmed"
        assert (await hand.say(PRESIDING, "flag-lift", scope)).code == "transfer.unknown", "its part is over"
        lifted = await hand.must(ACCEPTING, "flag-lift", scope)
        assert (lifted.body["state"], lifted.body["due"], lifted.body["ruling_reason"]) == ("lifted", None, "set_in_error")
        for member, act in ((SOURCE, "flag-appeal"), (SOURCE, "flag-escalate"), (ACCEPTING, "flag-uphold"), (ACCEPTING, "flag-lift")):
            assert (await hand.say(member, act, scope)).code == "transfer.wrong_state", act

        leaves = found.leaves()[size:]
        assert [(leaf.type, leaf.seq, leaf.role, leaf.state_after) for leaf in leaves] == [
            ("integrity.flagged", 0, "accepting", "flagged"), ("integrity.appealed", 1, "advocate", "appealed"),
            ("integrity.upheld", 2, "setter", "upheld"), ("integrity.escalated", 3, "advocate", "escalated"),
            ("integrity.upheld", 4, "presiding", "confirmed"), ("integrity.lifted", 5, "setter", "lifted"),
        ]  # fmt: skip
        written = b"".join(row[0] for row in found.rows("SELECT leaf FROM log_entry WHERE idx >= ?", size))
        assert not any(word.encode() in written for word in (hand.nf, case.transfer, row.learner, case.records[0])), "which outcome: sealed"
        assert (await hand.flag(ACCEPTING)).status == 202, "a lifted flag is past"
        assert found.audit(world.trust).finding is None


async def test_flag_when_it_may_not_be_set_then_one_named_refusal_and_nothing_else_changed(tmp_path: Path) -> None:
    """PR-300, PR-301, PR-303, PR-304: unknown outcome, stranger, wrong words, twice, another's certificate."""
    async with region(tmp_path) as world, books(world) as found:
        case, other = await stage(world, State.REVIEWING), await stage(world, State.REVIEWING)
        hand = Marker.of(case, found)
        await hand.set(SOURCE, DUPLICATE)
        nf = Marker.of(other, found).nf
        bad = {
            "stranger": (STRANGER, {}, "transfer.unknown"),
            "no such case": (SOURCE, {"transfer": "0" * 64}, "transfer.unknown"),
            "no such outcome": (SOURCE, {"outcome": "0" * 64}, "transfer.unknown"),
            "another case's outcome": (SOURCE, {"outcome": nf}, "transfer.unknown"),
            "no such consent": (SOURCE, {"transfer": "", "consent": "0" * 64}, "transfer.unknown"),
            "twice": (ACCEPTING, {"kind": DUPLICATE[0], "reason": "number_of_another"}, "transfer.flagged_already"),
            "not its issuer": (ACCEPTING, {"kind": REVOKED[0], "reason": REVOKED[1]}, "transfer.not_your_role"),
            "no such kind": (SOURCE, {"kind": "bad_person"}, "transfer.bad_document"),
            "another kind's reason": (SOURCE, {"reason": REVOKED[1]}, "transfer.bad_document"),
            "only where it follows": (SOURCE, {"kind": REVOKED[0], "reason": "voided_after_recognition"}, "transfer.bad_document"),
        }  # fmt: skip
        size = found.size()
        for name, (iss, changes, code) in bad.items():
            message = flag_message(
                world, iss, FlagPaper(**({"outcome": hand.nf, "kind": FRAUD[0], "reason": FRAUD[1], "transfer": case.transfer} | changes))
            )
            before = found.dump()
            heard = await world.send(message)
            assert heard.code == code, (name, heard.body)
            if code == "transfer.bad_document":
                assert proven_codes(heard.body) == [code], name
            check_refusal(world, message, heard, iss)
            after = found.dump()
            assert {table for table in after if after[table] != before[table]} == {"message"}, name
        form = await world.send(flag_message(world, SOURCE, jcs({"v": 1, "outcome": hand.nf})))
        assert (form.status, form.code) == (400, "format.integrity_paper")
        both = FlagPaper(hand.nf, *FRAUD, transfer=case.transfer, consent="0" * 64)
        assert (await world.send(flag_message(world, SOURCE, both))).code == "format.integrity_paper"
        assert (await world.send(flag_message(world, SOURCE, FlagPaper(hand.nf, *FRAUD, case.transfer), scp="integrity:other"))).code == (
            "transfer.unknown"
        )
        assert (found.size(), len(flags(found))) == (size, 1)


async def test_word_when_it_is_wrong_then_role_comes_first_and_a_repeat_gets_its_answer(tmp_path: Path) -> None:
    """PR-304, PR-305: unknown flag, stranger, wrong reason, wrong form; the same message again."""
    async with region(tmp_path) as world, books(world) as found:
        hand = Marker.of(await stage(world, State.REVIEWING), found)
        scope = await hand.set(ACCEPTING)
        assert (await hand.say(SOURCE, "flag-appeal", integrity_scope(SOURCE, "none"))).code == "transfer.unknown"
        assert (await hand.say(STRANGER, "flag-appeal", scope)).code == "transfer.unknown"
        assert (await hand.say(STRANGER, "flag-appeal", scope, "no_such_reason")).code == "transfer.unknown"
        assert (await hand.say(ACCEPTING, "flag-appeal", scope, "no_such_reason")).code == "transfer.not_your_role"
        wrong = await hand.say(SOURCE, "flag-appeal", scope, "set_in_error")
        assert (wrong.status, wrong.code, [each["path"] for each in wrong.body["problem"]["problems"]]) == (
            422, "transfer.bad_document", ["appeal/reason"],
        )  # fmt: skip
        form = await world.act(SOURCE, "flag-appeal", [("appeal", b"<appeal/>")], scp=scope)
        assert form.status == 400
        size, message = found.size(), hand.word(SOURCE, "flag-appeal", scope)
        first = await world.send(message)
        again = await world.send(message)
        assert (first.status, again.reply.repeated, again.body, found.size()) == (200, True, first.body, size + 1)
        sealed = found.rows("SELECT name FROM content WHERE transfer = ? ORDER BY name", scope)
        assert [name for (name,) in sealed] == ["appeal", "envelope", "envelope", "flag"]


async def test_escalation_when_the_setter_is_silent_then_possible_once_its_term_is_over(tmp_path: Path) -> None:
    """PR-306: nobody can sit an appeal out."""
    async with region(tmp_path) as world, books(world) as found:
        hand = Marker.of(await stage(world, State.SETTLED), found)
        scope = await hand.set(ACCEPTING)
        due = datetime.fromisoformat((await hand.must(SOURCE, "flag-appeal", scope)).body["due"])
        world.clock.moment = due - timedelta(seconds=1)
        assert (await hand.say(SOURCE, "flag-escalate", scope, "no_answer")).code == "transfer.wrong_state"
        world.clock.moment = due
        assert (await hand.say(SOURCE, "flag-escalate", scope, "no_answer")).status == 200
        assert (await hand.must(PRESIDING, "flag-lift", scope)).body["ruled_by"] == PRESIDING


async def test_flag_when_the_facing_bank_set_it_itself_then_it_still_appeals_for_the_learner(tmp_path: Path) -> None:
    """PR-305, PR-306: and the unit that presides is neither party nor who set it."""
    async with region(tmp_path) as world, books(world) as found:
        hand = Marker.of(await stage(world, State.SETTLED), found)
        scope = await hand.set(SOURCE, REVOKED)
        assert (await hand.say(ACCEPTING, "flag-appeal", scope)).code == "transfer.not_your_role"
        for act in ("flag-appeal", "flag-uphold", "flag-escalate"):
            await hand.must(SOURCE, act, scope)
        assert (await hand.must(PRESIDING, "flag-lift", scope)).body["state"] == "lifted"
