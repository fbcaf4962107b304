"""Enquiries that do not hold and lists that are hostile: each its named refusal, nobody asked, the question still open."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.auditor import books, check_refusal, proven_codes
from support.enquiries import ASKED, ASKER, RECORDS, STRANGER, TODAY, asked, listing, question
from support.region import START, region

from gateway.mapping.documents import write
from gateway.model.documents import ConsentWithdrawal, Identity, ListedRecord, Listing
from gateway.model.scopes import enquiry_id

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "another recipient": ("consent.other_recipient", {"consent": {"recipient": "CN-33"}}),
    "another source": ("consent.other_recipient", {"consent": {"source": "CN-33"}}),
    "another purpose": ("consent.other_purpose", {"consent": {"purpose": "statistics"}}),
    "held by another": ("consent.other_controller", {"consent": {"controller": "CN-33"}}),
    "run out": ("consent.expired", {"consent": {"expires_at": START}}),
    "not begun": ("consent.expired", {"consent": {"given_at": START + timedelta(seconds=1)}}),
    "no such bank": ("transfer.bad_document", {"source": "CN-99"}),
    "itself": ("transfer.bad_document", {"source": ASKER}),
    "no number": ("record.bad_identity", {"identity": Identity("110105194912310021", "王测试", synthetic=True)}),
}


@pytest.mark.parametrize("case", WRONG)
async def test_enquiry_when_it_does_not_hold_then_named_refusal_and_nobody_is_asked(tmp_path: Path, case: str) -> None:
    code, changes = WRONG[case]
    async with region(tmp_path) as world, books(world) as found:
        message = question(world, **changes)
        size = found.size()
        heard = await world.send(message)
        assert heard.code == code, heard.body
        assert case == "no number" or code in proven_codes(heard.body)
        check_refusal(world, message, heard, ASKER)
        assert (found.size(), found.rows("SELECT * FROM enquiry"), found.rows("SELECT * FROM owed")) == (size, [], [])


HOSTILE = {
    "not xml": (b"<rubbish", "format.malformed"),
    "doctype": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "format.doctype"),
    "another document": (write(ConsentWithdrawal("c", "other", "")), "standard.invalid"),
    "a record twice": (write(Listing(TODAY, (RECORDS[0], RECORDS[0]))), "standard.invalid"),
    "no such kind": (write(Listing(TODAY, (ListedRecord("A", "MAGIC", "x", "", ""),))), "standard.invalid"),
    "no such date": (write(Listing(TODAY, (ListedRecord("A", "COURSE", "x", "2023-02-30", ""),))), "standard.invalid"),
    "without a title": (write(Listing(TODAY, (ListedRecord("A", "COURSE", "", "", ""),))), "standard.invalid"),
    "too many": (write(Listing(TODAY, tuple(ListedRecord(f"A{n}", "COURSE", "x", "", "") for n in range(2001)))), "standard.invalid"),
    "from the future": (dict(listing(as_of=date(2026, 11, 3)))["listing"], "transfer.bad_document"),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_list_when_hostile_then_stable_code_and_still_asked(tmp_path: Path, kind: str) -> None:
    data, code = HOSTILE[kind]
    async with region(tmp_path) as world, books(world) as found:
        made = await asked(world)
        size = found.size()
        message = made.message(ASKED, "list", contents=[("listing", data)])
        heard = await world.send(message)
        assert heard.code == code, heard.body
        check_refusal(world, message, heard, ASKED)
        assert (found.size(), (await made.row()).state) == (size, "asked")
        for member, told in ((STRANGER, "transfer.unknown"), (ASKER, "transfer.not_your_role")):
            assert (await made.do(member, "list", contents=[("listing", data)])).code == told
        assert (await made.do(ASKED, "list", irt=world.ids.jti())).code == "transfer.not_asked"
        assert (await made.do(ASKED, "list")).status == 200


@pytest.mark.parametrize("name", ["enquiry", "identity", "consent-source"])
async def test_enquiry_when_a_document_is_hostile_then_stable_code(tmp_path: Path, name: str) -> None:
    async with region(tmp_path) as world:
        jti = world.ids.jti()
        good = question(world)
        contents = [(each.name, b"<rubbish" if each.name == name else each.data) for each in good.contents.values()]
        heard = await world.send(world.message(ASKER, "enquire", contents, jti=jti, scp=enquiry_id(ASKER, jti)))
        assert heard.code == "format.malformed"
