"""A bank's console: its people decide on what they saw, and the connector signs it with the bank's key."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from support.connectors import Region
from support.console import Browser, Premises, form_of, premises
from support.region import key_of
from support.stages import ACCEPTING, SOURCE, STRANGER

from gateway.client.casework import Casework, No
from gateway.client.connector_file import ConnectorFile
from gateway.client.console_book import LIFE, Wanted
from gateway.client.judgement import followed
from gateway.client.selected import Entry, Selected
from gateway.client.selection_book import ASKED
from gateway.client.selection_desk import Policy
from gateway.client.store import Outgoing
from gateway.errors import SettingsError
from gateway.federation.envelope import open_envelope
from gateway.mapping.documents import read
from gateway.model.documents import Decision, Withdrawal
from gateway.model.transfer import Act
from gateway.settings import Console
from gateway.simulator.live import running
from gateway.simulator.people import ZHEJIANG
from gateway.simulator.script import Script
from gateway.storage.database import Write
from gateway.transferlog.leaf import parse_leaf

OPERATOR = f"operator-{ACCEPTING[3:]}"
HELD = [
    Write(
        "held_row_put",
        [("2024-06.csv", 17, "", json.dumps([["date", "record.bad_date", "不是日期", "not a date"]]), "2026-01-01T00:00:00.000000Z")],
    )
]


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Premises]:
    async with premises(tmp_path) as found:
        assert (await found.page.sign_in(OPERATOR))[0] == 200
        yield found


async def judged(here: Premises, case: Outgoing, **changes: str) -> tuple[int, str, str]:
    """Open the case, change these fields of its form, send it; the confirm page is what comes back."""
    _, text = await here.page.get(f"/cases/{case.scope}")
    return await here.page.post(f"/cases/{case.scope}/judge", form_of(text, f"/cases/{case.scope}/judge") | changes)


async def decisions(here: Premises) -> list[Decision]:
    store, standard = here.banks.connectors[ACCEPTING].store, here.banks.connectors[ACCEPTING].office.setup.tools.standard
    rows = [row for row in await store.messages() if row.act == "decide"]
    return [read((await store.contents("out", row.jti))["decision"].data, Decision, standard) for row in rows]


async def signed_by(banks: Region, transfer: str, type_: str) -> str:
    """Who signed the step that stands in the log: judged with the bank's own public key, and no other."""
    gateway = banks.world.gateway
    size, _ = await gateway.ledger.head()
    leaves = map(parse_leaf, await gateway.parts.reading.entries(0, size))
    leaf = next(leaf for leaf in leaves if (leaf.scope, leaf.type) == (transfer, type_))
    assert leaf.kid == key_of(ACCEPTING).kid
    return open_envelope(leaf.envelope, keys=banks.world.trust.finder(banks.world.clock.now())).iss


async def test_case_when_people_decide_then_it_waits_for_the_page_and_goes_out_under_the_banks_key(here: Premises) -> None:
    case = await here.case()
    status, text = await here.page.get("/")
    assert (status, case.scope[:12] in text) == (200, True)
    assert await decisions(here) == []
    status, at, text = await judged(here, case)
    assert (status, at.startswith("/confirm/"), key_of(ACCEPTING).kid in text) == (200, True, True)
    assert await decisions(here) == []  # confirming comes first
    status, at, _ = await here.page.post(at, form_of(text, at))
    assert (status, at) == (200, f"/cases/{case.scope}?done=1")
    await here.settle(case.scope, "settled")
    (decision,) = await decisions(here)
    assert (decision.decided_by, decision.departure, [str(item.credits) for item in decision.items]) == ("jiangsu", "", ["4.0"])
    assert await signed_by(here.banks, case.scope, "transfer.decided") == ACCEPTING


async def test_sandbox_when_a_case_lies_at_a_bank_then_its_operator_decides_it_over_http(tmp_path: Path) -> None:
    """The address `operator` of `ceg demo --keep` signs in at the bank's own console; nothing here needs a browser."""
    async with running(tmp_path, random.Random(1)) as sandbox, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        script = Script(sandbox, lambda *_: None)
        case, *others = await script.left_to_people(ZHEJIANG)
        async with session.get(sandbox.addresses["operator"]) as answer:
            page = Browser(str(answer.url.origin()), session)
        assert page.url not in sandbox.addresses["operator_view"]
        form = form_of((await page.get(f"/cases/{case.scope}"))[1], f"/cases/{case.scope}/judge")
        for place in range(2):
            form |= {f"verdict-{place}": "refused", f"reason-{place}": "not_in_catalogue"}
        _, at, text = await page.post(f"/cases/{case.scope}/judge", form | {"departure": "not_in_catalogue"})
        assert (await page.post(at, form_of(text, at)))[0] == 200
        await script.until(lambda: script.stands(case.scope, "settled"), "the case to be settled")
        shown = await sandbox.gateway.parts.status.show(case.scope, "")
        assert [(step["actor"], step["type"]) for step in shown["steps"] if step["type"] == "transfer.decided"] == [
            (ZHEJIANG, "transfer.decided")
        ]
        assert {item["state"] for item in shown["items"]} == {"refused"}
        assert [await script.stands(each.scope, "reviewing") for each in others] == [True, True]


async def test_case_when_shown_then_items_stand_side_by_side_with_rule_trace_and_proofs_and_the_view_is_written_down(
    here: Premises,
) -> None:
    case = await here.case()
    learner = here.banks.learners[0]
    _, text = await here.page.get(f"/cases/{case.scope}")
    _, english = await here.page.get(f"/cases/{case.scope}?lang=en")
    for wanted in ("管理学基础", "title", "test@1", "management", "已证明", learner.identity.name, "XSXX" if "XSXX" in text else "XF"):
        assert wanted in text, wanted
    assert "rule: sh." in english
    assert learner.citizen_id not in text
    assert [(who, transfer, page) for _, who, transfer, page in await here.book.views()] == [(OPERATOR, case.scope, "case")] * 2
    _, listed = await here.page.get("/views")
    assert OPERATOR in listed


async def test_book_when_read_then_figures_keys_and_rows_are_this_banks_and_what_did_not_go_through_is_sent_again_with_a_reason(
    here: Premises,
) -> None:
    case = await here.case()
    figures, keys, rows, table = [(await here.page.get(path))[1] for path in ("/figures", "/keys", "/rows", "/?csv=cases")]
    assert ("审核中" in figures, key_of(ACCEPTING).kid in keys, STRANGER in keys, "没有记录" in rows) == (True,) * 4
    assert case.scope[:12] in table
    assert await here.book.counts() == [("reviewing", "accepting", 1, 1)]
    assert await here.book.items() == [(SOURCE, "claimed", "", 1)]
    await here.banks.databases[ACCEPTING].group((), lambda _rows: HELD)
    _, text = await here.page.get("/rows?lang=en")
    assert ("2024-06.csv" in text, "not a date" in text) == (True, True)
    await stuck_message_is_sent_again(here, case)


async def test_decision_when_it_departs_then_only_with_a_reason_and_what_was_filled_in_is_kept(here: Premises) -> None:
    case = await here.case()
    changes = {"credits-0": "3.5", "reason-0": "recognised_in_part", "text-0": "缺一个模块"}
    _, at, text = await judged(here, case, **changes)
    assert ("与测算不同,须选择理由" in text, f'action="{at}"' in text) == (True, False)
    _, again = await here.page.get(f"/cases/{case.scope}?draft={at.removeprefix('/confirm/')}")
    form = form_of(again, f"/cases/{case.scope}/judge")
    assert {name: form[name] for name in changes} == changes
    assert (await here.page.post(at, {"token": form["token"]}))[0] == 400
    _, at, text = await here.page.post(f"/cases/{case.scope}/judge", form | {"departure": "content_insufficient"})
    assert "content_insufficient" in text
    await here.page.post(at, form_of(text, at))
    await here.settle(case.scope, "settled")
    (decision,) = await decisions(here)
    assert decision.departure.startswith("content_insufficient: ")
    assert [(str(item.credits), item.reason, item.rule) for item in decision.items] == [("3.5", "recognised_in_part", "review")]


async def test_form_or_confirmation_when_not_of_what_stands_then_conflict_and_nothing_is_sent(here: Premises) -> None:
    case = await here.case()
    for stale in ("ver", "seen"):
        status, _, text = await judged(here, case, **{stale: "0"})
        assert (status, "内容已经改变" in text, "changed" in text) == (409, True, True)
    _, at, text = await judged(here, case)
    form = form_of(text, at)
    await here.banks.connectors[SOURCE].withdraw(case.scope, Withdrawal("learner_request", "撤回"))
    await here.settle(case.scope, "withdrawn")
    assert (await here.page.get(at))[0] == 409
    assert (await here.page.post(at, form))[0] == 409
    assert await decisions(here) == []


async def test_confirmation_when_made_twice_or_too_late_then_conflict(here: Premises) -> None:
    case = await here.case()
    _, late, _ = await judged(here, case)
    here.banks.world.clock.advance(seconds=LIFE.total_seconds() / 2)
    await here.page.sign_in(OPERATOR)  # the session has idled out meanwhile
    _, at, _ = await judged(here, case)
    here.banks.world.clock.advance(seconds=LIFE.total_seconds() / 2 + 1)
    await here.page.sign_in(OPERATOR)
    form = form_of((await here.page.get(at))[1], at)
    assert (await here.page.post(late, form))[0] == 409
    assert (await here.page.post(at, form))[0] == 200
    assert (await here.page.post(at, form))[0] == 409
    assert len(await decisions(here)) == 1


async def test_many_when_one_has_changed_then_none_is_decided_and_the_rest_can_be_selected_anew(here: Premises) -> None:
    one, two = await here.case(0), await here.case(1)
    _, text = await here.page.get("/")
    form = form_of(text, "/bulk")
    shown = [("token", form["token"]), ("all", "1"), *(("shown", f"{case.scope}:2") for case in (one, two))]
    assert all(f'value="{value}"' in text for name, value in shown if name == "shown")
    status, at, text = await here.page.post("/bulk", shown)
    assert (status, '<p class="figure">2</p>' in text, "8.0" in text) == (200, True, True)
    await here.banks.connectors[SOURCE].withdraw(one.scope, Withdrawal("learner_request", "撤回"))
    await here.settle(one.scope, "withdrawn")
    assert (await here.page.post(at, form_of(text, at)))[0] == 409
    assert await decisions(here) == []
    assert (await here.page.post("/bulk", shown))[0] == 409
    assert (await here.page.post("/bulk", [("token", form["token"]), ("case", f"{two.scope}:1")]))[0] == 409
    _, at, text = await here.page.post("/bulk", [("token", form["token"]), ("case", f"{two.scope}:2")])
    status, at, _ = await here.page.post(at, form_of(text, at))
    assert (status, at) == (200, "/?sent=1")
    await here.settle(two.scope, "settled")
    (decision,) = await decisions(here)
    assert decision.items[0].rule == "test@1/management"


async def test_words_when_one_is_stale_or_what_was_frozen_is_used_up_then_none_is_said(here: Premises) -> None:
    """What stands behind the pages: the stamps are compared, and the frozen thing used, in the commit that says it."""
    connector = here.banks.connectors[ACCEPTING]
    work, now = Casework(connector.office, connector.desk), here.banks.world.clock.now()
    said = []
    for number in range(2):
        opened = await work.look((await here.case(number)).scope)
        assert opened is not None
        decision = followed(opened, "office", now)
        assert decision is not None
        said.append((opened.row.transfer, opened.stamp, decision))
    (one, stamp, decision), other = said
    token = await here.book.freeze("bulk", OPERATOR, {})
    assert await here.book.frozen(token, "somebody-else") is None
    for stale in (replace(stamp, seen="0"), replace(stamp, ver=1)):
        assert await work.answer([other, (one, stale, decision)], [here.book.use(token)]) is No.STALE
    assert await decisions(here) == []
    assert await work.answer([other], [here.book.use(token)]) is None
    used = await here.book.frozen(token, OPERATOR)
    assert used is not None
    assert not here.book.fresh(used)
    assert await work.answer([(one, stamp, decision)], [here.book.use(token)]) is No.STALE
    assert len(await decisions(here)) == 1


async def test_question_when_asked_on_the_page_then_the_source_bank_is_asked(here: Premises) -> None:
    case = await here.case()
    _, text = await here.page.get(f"/cases/{case.scope}")
    form = form_of(text, f"/cases/{case.scope}/say") | {"text": "请补充考核材料", "reason": "other"}
    _, at, text = await here.page.post(f"/cases/{case.scope}/say", form)
    assert "请补充考核材料" in text
    await here.page.post(at, form_of(text, at))
    await here.settle(case.scope, "supplementing")
    assert [line.transfer for line in await here.book.lines(Wanted("open"))] == [case.scope]


async def test_visitor_when_not_this_banks_operator_then_shut_out_and_written_down(here: Premises) -> None:
    case = await here.case()
    _, at, _ = await judged(here, case)
    await here.page.sign_in("centre")
    assert (await here.page.get("/"))[0] == 403
    status, text = await here.page.sign_in(f"operator-{STRANGER[3:]}")
    assert (status, "您在此没有角色" in text) == (403, True)
    await here.page.sign_in(OPERATOR)
    assert [(await here.page.get(path))[0] for path in (f"/cases/{'0' * 64}", "/cases/x", "/confirm/x", at)] == [404, 404, 404, 200]
    rows = await here.people.acts(most=50)
    refused = {(row.person, row.reason) for row in rows if row.outcome == "refused"}
    assert refused == {("centre", "no_right"), ("centre", "not_known"), (OPERATOR, "not_found")}
    assert here.banks.learners[0].citizen_id not in str(rows)


async def stuck_message_is_sent_again(here: Premises, case: Outgoing) -> None:
    store = here.banks.connectors[ACCEPTING].store
    (row,) = await store.messages()
    database = here.banks.databases[ACCEPTING]
    await database.group((), lambda _rows: [Write("outbox_again", [(row.created_at, row.jti)])])
    waiting = await store.message(row.jti)
    assert waiting is not None
    await store.commit([store.answered(waiting, "alarm", "peer.unproven", None, None, None)])
    _, text = await here.page.get("/messages")
    assert ("peer.unproven" in text, case.scope[:12] in text, "答复不可信" in text) == (True, True, True)
    form = form_of(text, "/messages/again")
    assert (await here.page.post("/messages/again", form | {"reason": ""}))[0] == 400
    assert (await here.page.post("/messages/again", form | {"reason": "网关已查明"}))[0] == 200
    again = await store.message(row.jti)
    assert again is not None
    assert again.state == "waiting"
    assert (await here.page.post("/messages/again", form | {"reason": "再一次"}))[0] == 409


def test_settings_when_wrong_then_every_problem_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        Console.of({"issuer": "https://id.example", "port": 70000, "colour": "red"})
    assert {problem.path for problem in caught.value.problems} == {"people.port", "people.colour"}


def test_connector_file_when_it_has_people_then_their_files_lie_beside_it_and_anything_else_is_named(tmp_path: Path) -> None:
    places = "".join(f'{name} = "x"\n' for name in ("folder", "key_file", "trust_file", "trust_signature_file", "registry_key_file"))
    head = f'member = "CN-31"\ngateway_url = "http://127.0.0.1:1"\n{places}'
    file = tmp_path / "connector.toml"
    file.write_text(head + '[people]\nissuer = "https://id.example"\nclient_secret_file = "s"\nport = 0\n', "utf-8")
    found = Console.of(ConnectorFile.load(file).people)
    assert (found.client_secret_file, found.port, found.host) == (tmp_path / "s", 0, "127.0.0.1")
    file.write_text('people = "x"\n' + head, "utf-8")
    with pytest.raises(SettingsError) as caught:
        ConnectorFile.load(file)
    assert [problem.path for problem in caught.value.problems] == ["people"]


async def test_selection_when_shown_then_its_orders_are_listed_and_the_button_signs_exactly_what_was_shown_once(here: Premises) -> None:
    entries = (Entry("q3vYk2", "c7", done=False), Entry("c8", "c8", done=False))
    await here.selections.keep(Selected("tok", Act.RETRY, "released", "d" * 64, "对方已恢复", 5, entries), "2026-11-22T17:00:00Z", ASKED)
    _, text = await here.page.get("/selections")
    assert [wanted for wanted in ("q3vYk2", "共 2 项", "对方已恢复", "d" * 64, "等待本行人员") if wanted not in text] == []
    form = form_of(text, "/selections/sign")
    assert (await here.page.post("/selections/sign", form | {"digest": "e" * 64}))[0] == 409
    assert (await here.page.post("/selections/sign", form | {"selection": "other"}))[0] == 404
    assert [row.state for row in await here.selections.rows()] == [ASKED]
    assert (await here.page.post("/selections/sign", form))[0] == 200
    (row,) = await here.selections.rows()
    assert (row.state, row.signed_by, here.selections.bell.is_set()) == ("signed", OPERATOR, True)
    assert (await here.page.post("/selections/sign", form))[0] == 409
    assert "selection.sign" in [act.act for act in await here.people.acts(outcome="done")]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [('selections = "always"', "selections"), ("selections_every_s = 1", "selections_every_s"), ("selections = 7", "selections")],
)
def test_settings_when_selections_are_wrong_then_named(tmp_path: Path, line: str, wrong: str) -> None:
    names = ("folder", "key_file", "trust_file", "trust_signature_file", "registry_key_file")
    good = "\n".join(['member = "CN-34"', 'gateway_url = "https://gw.example"', *(f'{name} = "{name}"' for name in names)])
    (tmp_path / "c.toml").write_text(good, "utf-8")
    unsaid = ConnectorFile.load(tmp_path / "c.toml")
    assert (unsaid.selections, unsaid.selections_every_s) == (Policy.ASK, 60)
    (tmp_path / "c.toml").write_text(good + '\nselections = "sign"\nselections_every_s = 5', "utf-8")
    assert ConnectorFile.load(tmp_path / "c.toml").selections is Policy.SIGN
    (tmp_path / "c.toml").write_text(f"{good}\n{line}", "utf-8")
    with pytest.raises(SettingsError) as caught:
        ConnectorFile.load(tmp_path / "c.toml")
    assert [problem.path for problem in caught.value.problems] == [wrong]
