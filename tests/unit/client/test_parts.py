"""Only what was asked for leaves the bank, and it is still the bank's own format."""

import random

import pytest
from support.connectors import REGIONS
from support.region import ManualClock, tools

from gateway.client.parts import select
from gateway.errors import RecordError
from gateway.model.local import PartManifest
from gateway.simulator.banks import SimulatedBank
from gateway.simulator.ledgers import PERIOD, Entry
from gateway.simulator.people import MEMBERS, Learner, make_learner


def bank_with(member: str) -> tuple[SimulatedBank, Learner]:
    bank = SimulatedBank(member, tools().regions[REGIONS[member]], ManualClock())
    learner = make_learner(MEMBERS.index(member) + 3, member, random.Random(5))
    bank.enter(learner, [Entry("course", f"20230000{n}", title, 80 + n) for n, title in enumerate(("管理学基础", "基础会计", "应用写作"))])
    return bank, learner


@pytest.mark.parametrize("member", MEMBERS)
def test_part_when_one_of_three_is_wanted_then_holds_that_one_under_its_id(member: str) -> None:
    bank, learner = bank_with(member)
    ids = bank.record_ids(learner)
    assert len(set(ids)) == 3
    supply = bank.part(learner, [ids[1]])
    read = tools().regions[REGIONS[member]].parse(supply.content, supply.manifest)
    assert [record.record_id for record in read.records] == [ids[1]]
    assert not read.quarantined
    others = [title.encode(code) for title in ("管理学基础", "应用写作") for code in ("utf-8", "gb18030")]
    assert not any(title in supply.content for title in others)


@pytest.mark.parametrize("member", MEMBERS)
def test_part_when_a_record_is_unknown_then_closed_and_none_left_is_an_error(member: str) -> None:
    bank, learner = bank_with(member)
    ids = bank.record_ids(learner)
    assert bank.part(learner, [ids[0], "no-such"]).closed == {"no-such": "unknown_record"}
    with pytest.raises(RecordError, match=r"record\.none_wanted"):
        bank.part(learner, ["no-such"])


@pytest.mark.parametrize("member", ["CN-32", "CN-34"])
def test_part_when_format_has_no_ids_then_natural_keys_come_along(member: str) -> None:
    bank, learner = bank_with(member)
    adapter = tools().regions[REGIONS[member]]
    part = adapter.split(bank.feed(learner), PartManifest(PERIOD if member == "CN-34" else ""), {}).parts[0]
    supply = select(adapter, part, frozenset(part.manifest.ids.values()), "")
    assert sorted(supply.known_ids.values()) == sorted(part.manifest.ids.values())
