"""Canaries: sent by a bank's connector, answered by another's without troubling the bank, seen by the gateway, left out of every figure."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from support.connectors import Region, four_banks
from support.folders import metric
from support.region import World, region

from gateway.client.bank import Booked
from gateway.client.canary import Canaries
from gateway.client.canary_bank import CanaryBank
from gateway.client.connector_file import ConnectorFile
from gateway.errors import SettingsError
from gateway.model.documents import Decision, Withdrawal
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import MEMBERS
from gateway.transfers.canaries import Canary, CanaryWatch, Sound
from gateway.transfers.recount import mismatches
from gateway.transfers.tallies import Measure

SOURCE, ACCEPTING = "CN-31", "CN-32"
LATE = timedelta(hours=2)


def sender(banks: Region) -> Canaries:
    """Its learner has two courses, so that three banks need more than there are."""
    learner = banks.learner(SOURCE, "CN-33", 9900)
    banks.banks[SOURCE].enter(learner, [Entry("course", "20239900001", "探测课程", 80)])
    return Canaries(banks.connectors[SOURCE].office, learner.identity)


def watch_of(world: World) -> CanaryWatch:
    return CanaryWatch(world.gateway.database, lambda: MEMBERS, world.clock, LATE)


async def seen(world: World, source: str = SOURCE, accepting: str = ACCEPTING) -> Canary:
    return next(each for each in await watch_of(world).board() if (each.source, each.accepting) == (source, accepting))


async def told(watch: CanaryWatch) -> list[tuple[str, str]]:
    with capture_logs() as logs:
        await watch.look()
    return [(line["accepting"], line["how"]) for line in logs if line["event"] == "canary_wrong"]


async def test_canary_when_sent_then_settles_refused_and_no_bank_and_no_figure_knows_it(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (SOURCE, ACCEPTING):
            await banks.connect(member)
        canaries = sender(banks)
        assert [each.sound for each in await watch_of(world).board()] == [Sound.NONE] * 12
        sent = await canaries.send(ACCEPTING)
        assert sent is not None
        assert await canaries.send(ACCEPTING) is None  # the one before is under way

        async def settled() -> bool:
            known = await banks.connectors[SOURCE].store.case(sent.scope)
            return known is not None and known.state == "settled" and not known.todo

        await banks.work(SOURCE, ACCEPTING, until=settled)
        shown = await world.gateway.parts.status.show(sent.scope, "")
        assert [(item["state"], item.get("awarded", "0")) for item in shown["items"]] == [("refused", "0")]
        assert banks.banks[ACCEPTING].decided == {}
        assert all(bank.posted == {} for bank in banks.banks.values())
        first = json.loads((await world.gateway.parts.reading.scope(sent.scope))[0][2])
        assert first["facts"]["synthetic"] is True

        database = world.gateway.database
        assert await mismatches(database) == []
        assert {row[0] for row in await database.fetch("tally_all")} <= {Measure.CANARY, Measure.ANSWERED}
        found = await seen(world)
        assert (found.sound, found.transfer) == (Sound.GOOD, sent.scope)
        assert found.latency is not None
        assert timedelta(0) < found.latency <= timedelta(minutes=10)

        again = await canaries.send(ACCEPTING)  # the same record: nothing was recognised, so it is free
        assert again is not None
        assert again.scope != sent.scope


async def test_canary_when_not_answered_in_time_or_withdrawn_then_alarm_once_each(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        await banks.connect(SOURCE)
        canaries, watch = sender(banks), watch_of(world)
        sent = await canaries.send(ACCEPTING)
        assert sent is not None

        async def there() -> bool:
            return await banks.state(sent.scope) == "delivering"

        await banks.work(SOURCE, until=there)
        assert (await told(watch), (await seen(world)).sound) == ([], Sound.UNDER_WAY)
        assert metric("ceg_canary_wrong", source=SOURCE, accepting=ACCEPTING) == 0
        world.clock.advance(hours=2, minutes=1)
        assert await told(watch) == [(ACCEPTING, "late")]
        assert await told(watch) == []
        assert metric("ceg_canary_wrong", source=SOURCE, accepting=ACCEPTING) == 1

        async def gone() -> bool:
            return await banks.state(sent.scope) == "withdrawn"

        await banks.connectors[SOURCE].withdraw(sent.scope, Withdrawal("learner_request", "探测"))
        await banks.work(SOURCE, until=gone)
        assert await told(watch) == [(ACCEPTING, "failed")]


async def test_canary_bank_when_the_learner_is_not_marked_made_up_then_there_is_no_account(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        learner = banks.learner(SOURCE, ACCEPTING, 3)
        opened = banks.counter.pushed(banks.banks[SOURCE], ACCEPTING, learner).request
        bank = CanaryBank(banks.banks[ACCEPTING])
        marked = replace(opened, programme_code="CANARY-CN-32")
        assert bank.account_of(marked, replace(learner.identity, synthetic=False)).none_reason == "no_account"
        assert bank.account_of(marked, learner.identity).account == "CANARY"
        assert bank.account_of(opened, learner.identity).account == learner.accounts[ACCEPTING]
        decision = Decision("CANARY-CN-32", world.clock.now(), "canary", ())
        assert bank.post("f" * 64, "source", decision) == Booked("canary-" + "f" * 16, ())
        assert banks.banks[ACCEPTING].posted == {}


@pytest.mark.parametrize(
    "table", ["every_s = 30\ncitizen_id = 'a'\nname = 'b'", "every_s = 3600\nname = 'b'", "every_s = 'x'\ncitizen_id = 'a'\nname = 'b'"]
)
def test_canary_settings_when_wrong_then_told(tmp_path: Path, table: str) -> None:
    lines = [f'{name} = "x"' for name in ("member", "folder", "key_file", "trust_file", "trust_signature_file", "registry_key_file")]
    file = tmp_path / "connector.toml"
    lines.append('gateway_url = "http://127.0.0.1"')
    file.write_text("\n".join([*lines, "[canary]", "every_s = 60", "citizen_id = 'x1'", "name = '测试'"]), "utf-8")
    made = ConnectorFile.load(file).canary
    assert made is not None
    assert (made.every_s, made.learner.citizen_id, made.learner.synthetic) == (60, "X1", True)
    file.write_text("\n".join([*lines, "[canary]", table]), "utf-8")
    with pytest.raises(SettingsError) as raised:
        ConnectorFile.load(file)
    assert [each.path for each in raised.value.problems] == ["canary"]
