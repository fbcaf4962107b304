"""Rule versions as acts: every act in every state by every member; what is current; nothing by halves.  PR-260 to PR-269."""

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import books, check_receipt, check_refusal
from support.region import region, trust_data
from support.rules import rule
from support.ruling import ACCEPTING, FOURTH, PROPOSER, SIMULATION, STATES, THIRD, Draft, Hands, hands, suspending

from gateway.errors import StorageError, TrustError
from gateway.recognition.rule_papers import WordPaper, write_word
from gateway.transfers.rule_view import RuleShelf

ACTS = ("propose", "approve", "publish", "withdraw")
MEMBERS = (PROPOSER, ACCEPTING, THIRD, FOURTH)
UNKNOWN, TAKEN, WRONG, ROLE = (
    "transfer.unknown", "recognition.version_taken", "recognition.wrong_rule_state", "recognition.not_your_version"
)  # fmt: skip
FEW, AGAIN = "recognition.too_few_approvals", "recognition.approved_already"
STEPS: Mapping[str, Mapping[tuple[str, str], str]] = {
    # (act, member) → the state it leads to, or the refusal; `approved` has the approvals of the accepting bank and of a third.
    "tested": {
        **{("approve", member): "tested" for member in MEMBERS}, ("publish", PROPOSER): FEW, ("publish", ACCEPTING): FEW,
        ("withdraw", PROPOSER): "withdrawn",
    },
    "approved": {
        ("approve", PROPOSER): "approved", ("approve", ACCEPTING): AGAIN, ("approve", THIRD): AGAIN, ("approve", FOURTH): "approved",
        ("publish", PROPOSER): "published", ("publish", ACCEPTING): "published", ("withdraw", PROPOSER): "withdrawn",
    },
    "published": {("withdraw", ACCEPTING): "withdrawn"},
    "expired": {},
    "withdrawn": {},
    "recalled": {},
}  # fmt: skip


def expected(state: str, act: str, member: str) -> str:
    if act == "propose":
        return "tested" if state == "none" else TAKEN
    if state == "none":
        return UNKNOWN
    if act == "publish" and member not in {PROPOSER, ACCEPTING}:
        return ROLE
    owner = ACCEPTING if state in {"published", "expired", "recalled"} else PROPOSER
    if act == "withdraw" and member != owner:
        return ROLE
    return STEPS[state].get((act, member), WRONG)


@pytest.mark.parametrize("state", STATES)
async def test_act_when_sent_in_any_state_by_anybody_then_done_or_one_named_refusal(tmp_path: Path, state: str) -> None:
    """PR-260, PR-261, PR-263: a refused act leaves its answer and nothing else; a done one one leaf in the version's own scope."""
    async with region(tmp_path) as world, books(world) as found:
        resting, number = await hands(world, state, 0), 0
        for act in ACTS:
            for member in MEMBERS:
                wanted, place = expected(state, act, member), (state, act, member)
                done, number = "." not in wanted, number + 1
                made = await hands(world, state, number) if done else resting
                message = made.message(member, act)
                before, size = found.dump(), found.size()
                heard = await world.send(message)
                if done:
                    assert heard.status == (202 if state == "none" else 200), (place, heard.body)
                    assert heard.body["rule"]["state"] == wanted, place
                    leaf = check_receipt(world, message, heard).leaf
                    assert (leaf.scope, leaf.facts["digest"], leaf.state_after) == (made.draft.scope, made.draft.digest, wanted)
                    assert found.size() == size + 1
                    continue
                assert heard.code == wanted, (place, heard.body)
                check_refusal(world, message, heard, member)
                after = found.dump()
                assert {table for table in after if after[table] != before[table]} == {"message"}, place
        assert found.audit(world.trust).finding is None


async def test_version_when_proposed_approved_by_two_and_published_then_it_holds_from_its_day(tmp_path: Path) -> None:
    """PR-260, PR-264, PR-266, PR-268: each step one leaf; the file comes back byte for byte."""
    async with region(tmp_path) as world, books(world) as found:
        size, made = found.size(), Hands(world)
        proposed = await made.must(PROPOSER, "propose")
        assert (proposed.body["rule"]["state"], proposed.body["rule"]["approvals"], proposed.body["rule"]["published"]) == (
            "tested",
            [],
            None,
        )
        assert (await made.must(ACCEPTING, "approve")).body["rule"]["state"] == "tested"
        assert (await made.must(THIRD, "approve")).body["rule"]["state"] == "approved"
        shelf = RuleShelf(world.gateway.database, world.gateway.tools.mapper.codes)
        assert await shelf.current_rules(ACCEPTING, "P", made.draft.effective) is None, "approved is not published"
        assert (await made.must(ACCEPTING, "publish")).body["rule"]["published"] == found.size() - 1
        leaves = found.leaves()[size:]
        assert [(leaf.type, leaf.seq, leaf.role, leaf.state_after) for leaf in leaves] == [
            ("rule.proposed", 0, "proposer", "tested"),
            ("rule.approved", 1, "accepting", "tested"),
            ("rule.approved", 2, "member", "approved"),
            ("rule.published", 3, "accepting", "published"),
        ]
        assert {(leaf.facts["version"], leaf.facts["effective"], leaf.facts["review"]) for leaf in leaves} == {
            ("2026.1", "2026-12-01", "2028-12-31")
        }
        assert await shelf.current_rules(ACCEPTING, "P", date(2026, 11, 30)) is None
        current = await shelf.current_rules(ACCEPTING, "P", date(2026, 12, 1))
        assert current is not None
        assert (current[0].version, current[0].approvals, [each.id for each in current[1].rules]) == ("2026.1", (ACCEPTING, THIRD), ["r1"])
        assert await shelf.current_rules(ACCEPTING, "P", date(2029, 1, 1)) is None
        assert await shelf.current_rules(THIRD, "P", date(2026, 12, 1)) is None
        assert await shelf.document(await shelf.find("test", "2026.1")) == made.draft.data
        assert found.audit(world.trust).finding is None


async def test_message_when_sent_again_then_the_stored_answer(tmp_path: Path) -> None:
    """PR-260."""
    async with region(tmp_path) as world, books(world) as found:
        made = Hands(world)
        for member, act in (
            (PROPOSER, "propose"),
            (ACCEPTING, "approve"),
            (THIRD, "approve"),
            (ACCEPTING, "publish"),
            (ACCEPTING, "withdraw"),
        ):
            message = made.message(member, act)
            first, size = await world.send(message), found.size()
            assert first.status in {200, 202}, first.body
            world.clock.advance(minutes=10)
            again = await world.send(message)
            assert (again.reply.repeated, again.body, found.size()) == (True, first.body, size)


async def test_version_when_withdrawn_then_no_longer_current_and_no_older_one_revives(tmp_path: Path) -> None:
    """PR-267, PR-322."""
    async with region(tmp_path) as world:
        shelf = RuleShelf(world.gateway.database, world.gateway.tools.mapper.codes)

        async def holds(day: date) -> str | None:
            found = await shelf.current_rules(ACCEPTING, "P", day)
            return None if found is None else found[0].version

        today = (world.clock.now() + timedelta(hours=8)).date()
        later = today + timedelta(days=30)
        await Hands(world, Draft("1", effective=today)).published()
        second = await Hands(world, Draft("2", effective=later)).published()
        assert (await holds(today), await holds(later)) == ("1", "2")
        await second.must(ACCEPTING, "withdraw")
        assert (await holds(today), await holds(later)) == ("1", "1"), "it never took effect"
        third = await Hands(world, Draft("3", effective=today + timedelta(days=1))).published()
        world.clock.advance(days=2)
        now = today + timedelta(days=2)
        assert await holds(now) == "3"
        await third.must(ACCEPTING, "withdraw")
        assert (await holds(now), await holds(now - timedelta(days=1))) == (None, "3"), "what held yesterday held"
        restored = await Hands(world, Draft("4", effective=now, restores="1")).published()
        assert (await holds(now), (await restored.row()).restores) == ("4", "1")
        listed, cursor = list[Any](), ""
        for most in (1, 2, 2):
            page = await shelf.rule_page(now, ACCEPTING, "test", cursor=cursor, most=most)
            listed, cursor = listed + page["rules"], page["next"] or ""
        assert [(each["version"], each["state"]) for each in listed] == [
            ("4", "published"), ("3", "withdrawn"), ("2", "withdrawn"), ("1", "published"),
        ]  # fmt: skip
        assert not cursor


BAD: Mapping[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    # name: (changes of the draft, of its trial, code, the beginning of the first place)
    "points": ({"rules": rule("r1", "C1", more='points = "3"')}, {}, "recognition.points_rule", "rules:"),
    "leisure": ({"rules": rule("r1", "C1", kind="COMMUNITY")}, {}, "recognition.leisure_rule", "rules:"),
    "unit": ({"rules": rule("r1", "C1", credits='"3 学时"')}, {}, "recognition.unknown_unit", "rules:"),
    "contradiction": (
        {"rules": rule("r1", "C1", credits='"3"') + rule("r2", "C1", credits='"2"')}, {}, "recognition.contradictory_rules", "rules:",
    ),
    "review": ({"effective": date(2025, 1, 1), "review": date(2026, 1, 1)}, {}, "recognition.review_passed", "rules:"),
    "period": ({"review": date(2026, 11, 1)}, {}, "recognition.bad_period", "rules:"),
    "toml": ({"rules": "[["}, {}, "recognition.bad_toml", "rules:"),
    "findings told": ({}, {"findings": 1}, "recognition.not_clean", "trial/findings"),
    "other bytes": ({}, {"digest": "0" * 64}, "recognition.changed_since_test", "trial/digest"),
    "no simulation": ({}, {"simulation": ""}, "recognition.not_simulated", "trial/simulation"),
    "retroactive": ({"effective": date(2026, 11, 1)}, {}, "recognition.retroactive", "rules/effective"),
    "restores nothing": ({"restores": "2025.9"}, {}, "recognition.unknown_version", "trial/restores"),
}  # fmt: skip
LINTED = {
    "recognition.points_rule", "recognition.leisure_rule", "recognition.unknown_unit", "recognition.contradictory_rules",
    "recognition.review_passed", "recognition.bad_period", "recognition.bad_toml",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_proposal_when_something_is_wrong_then_code_and_exact_place_and_nothing_kept(tmp_path: Path, name: str) -> None:
    """PR-262: the gateway runs the lint itself, whatever the trial says."""
    changes, trial, code, place = BAD[name]
    async with region(tmp_path) as world, books(world) as found:
        made = Hands(world, replace(Draft(), **changes))
        message = made.message(PROPOSER, "propose", {"trial": made.draft.trial(**trial)})
        before = found.dump()
        heard = await world.send(message)
        problem = heard.body["problem"]
        assert problem["code"] == ("recognition.not_clean" if code in LINTED else code), problem
        assert problem["problems"][0]["code"] == code
        assert problem["problems"][0]["path"].startswith(place)
        check_refusal(world, message, heard, PROPOSER)
        after = found.dump()
        assert {table for table in after if after[table] != before[table]} == {"message"}


async def test_proposal_when_its_findings_are_without_number_then_the_first_are_told(tmp_path: Path) -> None:
    """PR-262."""
    async with region(tmp_path) as world:
        many = "".join(rule(f"r{number}", "C1", credits='"3 学时"') for number in range(300))
        heard = await Hands(world, Draft(rules=many)).do(PROPOSER, "propose")
        assert (heard.code, len(heard.body["problem"]["problems"])) == ("recognition.not_clean", 200)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("trial", b"{", "format.json"),
        ("trial", b"[]", "format.rule_paper"),
        ("trial", b'{"v":1,"digest":"x","findings":0,"restores":"","simulation":""}', "format.rule_paper"),
        ("approval", b'{"v":1,"id":"test","version":"2026.1"}', "format.rule_paper"),
        ("approval", write_word(WordPaper("test", "2026.2", "0" * 64)), "transfer.bad_document"),
        ("approval", write_word(WordPaper("test", "2026.1", "0" * 64)), "recognition.changed_since_test"),
        ("publication", write_word(WordPaper("test", "2026.1", "0" * 64)), "recognition.changed_since_test"),
        ("reason", b"<rubbish", "format."),
    ],
)
async def test_paper_when_it_is_bad_or_about_other_bytes_then_refused(tmp_path: Path, name: str, data: bytes, code: str) -> None:
    """PR-262, PR-263."""
    act = {"trial": "propose", "approval": "approve", "publication": "publish", "reason": "withdraw"}[name]
    async with region(tmp_path) as world, books(world) as found:
        made = await hands(world, "none" if act == "propose" else "approved", 1)
        member = FOURTH if act == "approve" else PROPOSER
        before = found.dump()
        heard = await made.do(member, act, {name: data})
        assert heard.code.startswith(code), heard.body
        assert {table for table, rows in found.dump().items() if rows != before[table]} == {"message"}


async def test_scope_when_it_is_another_versions_then_unknown(tmp_path: Path) -> None:
    """PR-260: the scope is that of this bank, set and version."""
    async with region(tmp_path) as world:
        made = Hands(world)
        for other in (Draft("2026.2"), Draft(id="other"), Draft(accepting=FOURTH)):
            assert (await made.do(PROPOSER, "propose", scp=other.scope)).code == UNKNOWN
        await made.must(PROPOSER, "propose")
        for scope in ("rule:" + "0" * 64, "0" * 64, None):
            for act in ("approve", "publish", "withdraw"):
                assert (await made.do(ACCEPTING, act, scp=scope)).code == UNKNOWN
        await Hands(world, Draft(accepting=FOURTH)).must(PROPOSER, "propose")


async def test_approval_when_by_a_suspended_member_then_not_heard_nor_counted_at_publication(tmp_path: Path) -> None:
    """PR-264: not when given, nor, given earlier, at publication; and its own proposal waits."""
    data = trust_data()
    async with region(tmp_path, data) as world:
        made = await hands(world, "approved", 1)
        await world.gateway.sync_registry(suspending(data, 2, THIRD))
        with pytest.raises(TrustError, match=r"trust\.suspended"):
            await made.do(THIRD, "approve")
        assert (await made.do(ACCEPTING, "publish")).code == FEW
        await made.must(FOURTH, "approve")
        await made.must(ACCEPTING, "publish")


async def test_approval_when_the_proposers_alone_or_without_the_accepting_bank_then_never_enough(tmp_path: Path) -> None:
    """PR-264."""
    async with region(tmp_path) as world:
        made = Hands(world)
        await made.must(PROPOSER, "propose")
        await made.must(PROPOSER, "approve")
        assert (await made.do(ACCEPTING, "publish")).code == "recognition.proposer_alone"
        await made.must(THIRD, "approve")
        assert (await made.row()).state == "tested"
        assert (await made.do(PROPOSER, "publish")).code == "recognition.accepting_absent"
        await made.must(ACCEPTING, "approve")
        assert (await made.must(PROPOSER, "publish")).body["rule"]["state"] == "published"


async def test_approvals_when_the_node_is_set_to_three_then_two_are_too_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PR-264: `rules.approvals_needed`."""
    monkeypatch.setenv("CEG_RULES__APPROVALS_NEEDED", "3")
    async with region(tmp_path) as world, books(world) as found:
        made = Hands(world)
        for member, act in ((PROPOSER, "propose"), (ACCEPTING, "approve"), (THIRD, "approve")):
            await made.must(member, act)
        assert (await made.do(ACCEPTING, "publish")).code == FEW
        await made.must(PROPOSER, "approve")
        await made.must(ACCEPTING, "publish")
        assert found.leaves()[-1].facts["needed"] == 3


async def test_publication_when_its_day_has_passed_then_refused(tmp_path: Path) -> None:
    """PR-265: by Chinese days; never retroactive, never past the review."""
    async with region(tmp_path) as world:
        made = await hands(world, "approved", 1)
        until = date(2026, 12, 2) - (world.clock.now() + timedelta(hours=8)).date()
        world.clock.advance(days=until.days)
        assert (await made.do(ACCEPTING, "publish")).code == "recognition.retroactive"
        short = Hands(world, Draft("2", effective=date(2026, 12, 2), review=date(2026, 12, 3)))
        for member, act in ((PROPOSER, "propose"), (ACCEPTING, "approve"), (THIRD, "approve")):
            await short.must(member, act)
        world.clock.advance(days=2)
        assert (await short.do(ACCEPTING, "publish")).code == "recognition.review_passed"


async def test_restoring_when_the_rules_are_others_or_the_version_was_never_published_then_refused(tmp_path: Path) -> None:
    """PR-267."""
    async with region(tmp_path) as world:
        await Hands(world, Draft("1")).published()
        await Hands(world, Draft("2", rules=rule("r1", "C2"))).must(PROPOSER, "propose")
        assert (await Hands(world, Draft("3", rules=rule("r1", "C2"), restores="1")).do(PROPOSER, "propose")).code == (
            "recognition.not_restored"
        )
        assert (await Hands(world, Draft("3", rules=rule("r1", "C2"), restores="2")).do(PROPOSER, "propose")).code == (
            "recognition.unknown_version"
        )
        assert (await Hands(world, Draft("3", restores="1")).must(PROPOSER, "propose")).body["rule"]["restores"] == "1"


async def test_acts_when_many_come_at_once_then_each_is_judged_by_the_leaves_before_it(tmp_path: Path) -> None:
    """PR-263: in one batch too; one of two proposals wins, and publication sees the approvals before it."""
    async with region(tmp_path) as world, books(world) as found:
        made = Hands(world)
        first = await asyncio.gather(made.do(PROPOSER, "propose"), made.do(THIRD, "propose"))
        assert sorted(heard.status for heard in first) == [202, 409]
        members = (ACCEPTING, FOURTH, THIRD)
        *heard, published = await asyncio.gather(*(made.do(member, "approve") for member in members), made.do(ACCEPTING, "publish"))
        approved = {member for member, each in zip(members, heard, strict=True) if each.status == 200}
        row = await made.row()
        assert set(row.approvals.split()) == approved
        # Whichever comes first: a publication before the second approval is refused, an approval after the publication too.
        assert len(approved) == 3 or (published.status == 200 and len(approved) == 2)
        assert found.audit(world.trust).finding is None


@pytest.mark.parametrize("act", ["propose", "publish"])
async def test_act_when_the_database_fails_at_any_table_then_nothing_by_halves_and_once_when_sent_again(tmp_path: Path, act: str) -> None:
    """PR-266: before the commit nothing stands, whichever of its rows could not be written."""
    tables = ["message", "rule_version", "content", "log_entry", "log_key", "log_head"] + ["rule_file", "part_key"] * (act == "propose")
    async with region(tmp_path) as world, books(world) as found:
        for number, table in enumerate(tables):
            made = await hands(world, "none" if act == "propose" else "approved", number)
            message, before = made.message(PROPOSER, act), found.dump()
            with closing(sqlite3.connect(world.folder / "data" / "gateway.db", isolation_level=None)) as saboteur:
                verb = "UPDATE" if table == "log_head" else "INSERT"
                saboteur.execute(f"CREATE TRIGGER broken BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'disk'); END")
                with pytest.raises(StorageError, match=r"storage\.failed"):
                    await world.send(message)
                assert found.dump() == before, table
                saboteur.execute("DROP TRIGGER broken")
            heard = await world.send(message)
            assert (heard.status, heard.reply.repeated) == (202 if act == "propose" else 200, False), heard.body
        assert found.audit(world.trust).finding is None


async def test_answer_when_lost_after_the_commit_then_the_same_message_gets_it_from_the_next_run(tmp_path: Path) -> None:
    """PR-266: after the commit all of it stands, and once."""
    data = trust_data()
    async with region(tmp_path, data) as world:
        made = await hands(world, "approved", 1)
        message = made.message(ACCEPTING, "publish")
        first = await world.send(message)
    async with region(tmp_path, data) as world, books(world) as found:
        size = found.size()
        again = await world.send(message)
        assert (again.reply.repeated, again.body, found.size()) == (True, first.body, size)


async def test_gateway_when_started_again_then_every_version_stands_as_it_did(tmp_path: Path) -> None:
    """PR-266."""
    data = trust_data()
    async with region(tmp_path, data) as world:
        made = await hands(world, "approved", 1)
    async with region(tmp_path, data) as world:
        world.ids.chance.seed(8)  # another run has other ids
        made = Hands(world, made.draft)
        assert (await made.must(ACCEPTING, "publish")).body["rule"]["approvals"] == [ACCEPTING, THIRD]
        current = await RuleShelf(world.gateway.database, world.gateway.tools.mapper.codes).current_rules(ACCEPTING, "P", date(2027, 1, 1))
        assert current is not None
        assert current[0].test is not None
        assert current[0].test.simulation == SIMULATION
