"""A consent in a scope of its own: registered, taken up once, withdrawn; every act in every state of it.  PR-102 to PR-105."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import books, check_receipt, check_refusal, proven_codes, shanghai_part
from support.enquiries import given, question, taken_back
from support.region import START, World, region
from support.stages import ACCEPTING, SOURCE, STRANGER

from gateway.mapping.documents import write
from gateway.model.documents import Consent, ConsentWithdrawal
from gateway.model.scopes import consent_scope

RECORDS = ("SHC00000000001", "SHC00000000002")


def consent(world: World, **changes: Any) -> Consent:
    return world.consent(SOURCE, ACCEPTING, SOURCE, RECORDS, **({"consent_id": "consent-one"} | changes))


def request(world: World, permitted: Consent) -> Any:
    """A pushed request that brings exactly this consent."""
    made = world.request(SOURCE, ACCEPTING, RECORDS, shanghai_part(*RECORDS))
    contents = {name: content.data for name, content in made.contents.items()} | {"consent": write(permitted)}
    return world.message(SOURCE, "request", [*contents.items()])


async def test_consent_when_registered_then_leaf_in_its_own_scope_and_nothing_else_happens(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = given(world, consent(world))
        heard = await world.send(message)
        assert (heard.status, heard.body["state"], heard.body["used_by"]) == (202, "given", None)
        proven = check_receipt(world, message, heard)
        assert (proven.leaf.type, proven.leaf.scope, proven.leaf.seq, proven.leaf.role) == (
            "consent.given", consent_scope(SOURCE, "consent-one"), 0, "facing",
        )  # fmt: skip
        assert dict(proven.leaf.facts).keys() == {"recipient", "until"}
        assert (found.transfers(), found.rows("SELECT COUNT(*) FROM owed")) == ([], [(0,)])
        assert found.audit(world.trust).finding is None


async def test_consent_when_sent_again_then_the_stored_answer_and_no_second_leaf(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        message = given(world, consent(world))
        first = await world.send(message)
        size = found.size()
        world.clock.advance(days=3)
        again = await world.send(message)
        assert again.reply.repeated
        assert again.body == first.body
        assert found.size() == size


async def test_consent_when_registered_and_taken_up_by_a_request_then_used_once(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        await world.send(given(world, consent(world)))
        opened = await world.send(request(world, consent(world)))
        assert opened.status == 202, opened.body
        assert found.rows("SELECT transfer, seq, state FROM consent") == [(opened.body["transfer"], 1, "given")]
        assert (await world.send(request(world, consent(world)))).code == "consent.already_used"


@pytest.mark.parametrize("change", ["expires_at", "kinds", "records"])
async def test_request_when_it_brings_other_words_than_were_registered_then_refused(tmp_path: Path, change: str) -> None:
    changes: dict[str, Any] = {
        "expires_at": START + timedelta(days=61), "kinds": ("成绩",), "records": (*RECORDS, "SHC00000000003"),
    }  # fmt: skip
    async with region(tmp_path) as world, books(world) as found:
        await world.send(given(world, consent(world)))
        heard = await world.send(request(world, consent(world, **{change: changes[change]})))
        assert (heard.status, heard.code) == (403, "consent.other_text")
        assert found.transfers() == []
        assert (await world.send(request(world, consent(world)))).status == 202


async def test_two_banks_when_their_consents_have_one_id_then_two_scopes(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        mine = await world.send(given(world, consent(world)))
        theirs = await world.send(given(world, world.consent(ACCEPTING, SOURCE, SOURCE, RECORDS, consent_id="consent-one")))
        assert mine.status == theirs.status == 202
        assert mine.body["consent"] != theirs.body["consent"]
        assert (await world.send(taken_back(world, ACCEPTING, "consent-one"))).status == 200
        assert (await world.send(request(world, consent(world)))).status == 202


async def to_state(world: World, state: str) -> None:
    """The consent `consent-one` in one of its states; `implicit`: it came with a request and was never registered."""
    if state in {"registered", "used", "withdrawn"}:
        await world.send(given(world, consent(world)))
    if state in {"used", "implicit"}:
        assert (await world.send(request(world, consent(world)))).status == 202
    if state == "withdrawn":
        assert (await world.send(taken_back(world, SOURCE, "consent-one"))).status == 200


EXPECTED = {
    # (state, act): what its holder hears.  Written by hand from the protocol.
    ("unknown", "consent"): "202", ("unknown", "request"): "202", ("unknown", "enquire"): "consent.other_recipient",
    ("unknown", "consent-withdraw"): "consent.unknown",
    ("registered", "consent"): "consent.already_given", ("registered", "request"): "202",
    ("registered", "consent-withdraw"): "200", ("registered", "enquire"): "consent.other_recipient",
    ("used", "consent"): "consent.already_given", ("used", "request"): "consent.already_used",
    ("used", "consent-withdraw"): "200", ("used", "enquire"): "consent.other_recipient",
    ("implicit", "consent"): "consent.already_given", ("implicit", "request"): "consent.already_used",
    ("implicit", "consent-withdraw"): "200", ("implicit", "enquire"): "consent.other_recipient",
    ("withdrawn", "consent"): "consent.withdrawn", ("withdrawn", "request"): "consent.withdrawn",
    ("withdrawn", "consent-withdraw"): "consent.withdrawn", ("withdrawn", "enquire"): "consent.other_recipient",
}  # fmt: skip


@pytest.mark.parametrize("state", ["unknown", "registered", "used", "implicit", "withdrawn"])
@pytest.mark.parametrize("act", ["consent", "request", "consent-withdraw", "enquire"])
async def test_act_when_consent_is_in_any_state_then_done_or_one_named_refusal(tmp_path: Path, state: str, act: str) -> None:
    async with region(tmp_path) as world, books(world) as found:
        await to_state(world, state)
        messages = {
            "consent": lambda: given(world, consent(world)),
            "request": lambda: request(world, consent(world)),
            "consent-withdraw": lambda: taken_back(world, SOURCE, "consent-one"),
            "enquire": lambda: question(world, SOURCE, "CN-33", consent=consent(world)),
        }
        message = messages[act]()
        before, size = found.dump(), found.size()
        heard = await world.send(message)
        wanted = EXPECTED[state, act]
        if wanted.isdecimal():
            assert str(heard.status) == wanted, heard.body
            assert check_receipt(world, message, heard).leaf.n == 0
        else:
            assert heard.code == wanted
            check_refusal(world, message, heard, SOURCE)
            assert found.size() == size
            after = found.dump()
            assert {table for table in after if after[table] != before[table]} == {"message"}
        assert found.audit(world.trust).finding is None


async def test_withdrawal_when_it_is_anothers_consent_then_it_is_unknown_to_that_bank(tmp_path: Path) -> None:
    async with region(tmp_path) as world, books(world) as found:
        await to_state(world, "used")
        for controller in (ACCEPTING, STRANGER):
            own_scope = await world.send(taken_back(world, controller, "consent-one"))
            assert own_scope.code == "consent.unknown"
            theirs = await world.send(taken_back(world, controller, "consent-one", scp=consent_scope(SOURCE, "consent-one")))
            assert theirs.code == "transfer.unknown"
        assert found.rows("SELECT state FROM consent") == [("given",)]


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "held by another": ("consent.other_controller", {"controller": ACCEPTING}),
    "run out": ("consent.expired", {"expires_at": START}),
    "not begun": ("consent.expired", {"given_at": START + timedelta(seconds=1)}),
    "retention over": ("consent.expired", {"retention_until": date(2026, 11, 1)}),
    "recipient is no member": ("transfer.bad_document", {"recipient": "CN-99"}),
    "source is no member": ("transfer.bad_document", {"source": "CN-99"}),
}


@pytest.mark.parametrize("case", WRONG)
async def test_consent_when_it_does_not_hold_then_named_refusal_and_not_kept(tmp_path: Path, case: str) -> None:
    code, changes = WRONG[case]
    async with region(tmp_path) as world, books(world) as found:
        message = given(world, consent(world, **changes), scp=consent_scope(SOURCE, "consent-one"))
        # it is signed by SOURCE whatever its controller says
        made = world.message(SOURCE, "consent", [("consent", message.contents["consent"].data)], scp=consent_scope(SOURCE, "consent-one"))
        size = found.size()
        heard = await world.send(made)
        assert heard.code == code
        assert code in proven_codes(heard.body)
        check_refusal(world, made, heard, SOURCE)
        assert (found.size(), found.rows("SELECT * FROM consent"), found.rows("SELECT * FROM part_key WHERE transfer <> ''")) == (
            size,
            [],
            [],
        )


HOSTILE = {
    "not xml": (b"<rubbish", "format.malformed"),
    "doctype": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "format.doctype"),
    "another document": (write(ConsentWithdrawal("consent-one", "other", "")), "standard.invalid"),
    "empty": (b"", "format.malformed"),
}


@pytest.mark.parametrize("act", ["consent", "consent-withdraw"])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_document_when_hostile_then_stable_code_signed_and_nothing_kept(tmp_path: Path, act: str, kind: str) -> None:
    data, code = HOSTILE[kind]
    if act == "consent-withdraw" and kind == "another document":
        data = write(SAMPLE)
    async with region(tmp_path) as world, books(world) as found:
        name = "consent" if act == "consent" else "consent-withdrawal"
        message = world.message(SOURCE, act, [(name, data)], scp=consent_scope(SOURCE, "consent-one"))
        size = found.size()
        heard = await world.send(message)
        assert heard.code == code, heard.body
        check_refusal(world, message, heard, SOURCE)
        assert (found.size(), found.rows("SELECT * FROM consent")) == (size, [])


SAMPLE = Consent(
    "consent-one", SOURCE, ACCEPTING, "x", "recognition", "x", ("x",), date(2031, 1, 1), "x", "0" * 64, SOURCE, RECORDS,
    START, START + timedelta(days=1),
)  # fmt: skip


async def test_consent_when_its_scope_is_not_its_own_then_no_such_transfer(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        for scope in ("0" * 64, consent_scope(ACCEPTING, "consent-one"), None):
            assert (await world.send(given(world, consent(world), scp=scope))).code == "transfer.unknown"
