"""Connectors ask, list, register and withdraw consents: every format, a death at every commit, lost replies, false messages."""

import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.connectors import KilledError, Line, Mortal, Region, case_tools, four_banks
from support.region import START, region

from gateway.client.bank import NO_MANIFEST, Question
from gateway.client.enquiries import reader_of
from gateway.client.listing import listing_of
from gateway.client.store import Outgoing
from gateway.errors import GatewayError
from gateway.federation.message import Content
from gateway.model.canonical import jcs
from gateway.model.documents import Enquiry, Withdrawal
from gateway.simulator.banks import Programme
from gateway.simulator.ledgers import Entry
from gateway.simulator.people import MEMBERS, Learner, make_learner

ASKER, ASKED = "CN-31", "CN-34"


def question(banks: Region, facing: str, source: str, learner: Learner, consent_id: str = "consent-one") -> Question:
    world = banks.world
    now = world.clock.now()
    consent = world.consent(facing, source, source, (), consent_id=consent_id, purpose="listing", given_at=now - timedelta(hours=1))
    return Question(Enquiry(source, now), learner.identity, consent)


def learner_of(banks: Region, home: str, *, broken: bool = False) -> Learner:
    """Two sound records at home, and maybe a damaged line."""
    learner = make_learner(7, home, random.Random(7))
    entries = [
        Entry("course", "20230000007", "管理学基础", 86),
        Entry("certificate", "20230000008", "养老护理员", 80, "S000032001234233000017"),
    ]
    banks.banks[home].enter(learner, [*entries, *([Entry("broken", "20230000009", "会计学", 70)] if broken else [])])
    return learner


async def ask(banks: Region, facing: str, source: str, learner: Learner) -> Outgoing:
    return await banks.connectors[facing].enquire(question(banks, facing, source, learner))


def listed(banks: Region, facing: str, scope: str) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        waiting = [row for row in await banks.connectors[facing].store.messages() if row.state == "waiting"]
        return scope in banks.banks[facing].listings and not waiting

    return there


async def leaves_of(banks: Region, scope: str) -> list[str]:
    return [json.loads(raw)["type"] for _, _, raw in await banks.world.gateway.parts.reading.scope(scope)]


@pytest.mark.parametrize("source", MEMBERS)
async def test_enquiry_when_any_bank_is_asked_then_its_record_ids_are_those_a_request_may_name(tmp_path: Path, source: str) -> None:
    facing = "CN-33" if source != "CN-33" else "CN-32"
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (facing, source):
            await banks.connect(member)
        learner = learner_of(banks, source, broken=source == "CN-34")
        asked = await ask(banks, facing, source, learner)
        await banks.work(facing, source, until=listed(banks, facing, asked.scope))
        found = banks.banks[facing].listings[asked.scope]
        assert tuple(item.record for item in found.items) == banks.banks[source].record_ids(learner)
        assert {item.title for item in found.items} == {"管理学基础", "养老护理员"}
        assert all(item.kind for item in found.items)
        assert any(item.size for item in found.items)
        assert found.as_of == (date(2024, 6, 30) if source == "CN-34" else START.date())
        assert await leaves_of(banks, asked.scope) == ["record.read", "record.read"]
        for member in (facing, source):
            assert await banks.connectors[member].store.refused() == []
        if source in {"CN-32", "CN-34"}:  # formats without ids of their own: what was listed is what a later part will say
            known = await banks.connectors[source].store.known_ids()
            assert {item.record for item in found.items} <= set(known.values())


async def test_enquiry_when_listed_then_a_pulled_case_over_those_ids_settles(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in ("CN-31", "CN-34"):
            await banks.connect(member)
        learner = learner_of(banks, "CN-34")
        banks.banks["CN-31"].enrol(learner)
        asked = await ask(banks, "CN-31", "CN-34", learner)
        await banks.work("CN-31", "CN-34", until=listed(banks, "CN-31", asked.scope))
        ids = {item.record for item in banks.banks["CN-31"].listings[asked.scope].items}
        application = banks.counter.pulled(banks.banks["CN-34"], "CN-31", learner, Programme.OPEN)
        assert set(application.request.records) == ids
        opened = await banks.connectors["CN-31"].submit(application)

        async def settled() -> bool:
            return await banks.state(opened.scope) == "settled"

        await banks.work("CN-31", "CN-34", until=settled)


@pytest.mark.parametrize("why", ["unknown", "under review"])
async def test_enquiry_when_the_bank_gives_none_then_declined_and_who_asked_is_told(tmp_path: Path, why: str) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (ASKER, ASKED):
            await banks.connect(member)
        learner = make_learner(7, ASKED, random.Random(7)) if why == "unknown" else learner_of(banks, ASKED)
        banks.banks[ASKED].review(learner)
        asked = await ask(banks, ASKER, ASKED, learner)

        async def told() -> bool:
            return banks.banks[ASKER].ended.get(asked.scope) == "enquiry_declined"

        await banks.work(ASKER, ASKED, until=told)
        assert await leaves_of(banks, asked.scope) == ["record.read", "enquiry.declined"]


async def test_enquiry_when_every_second_reply_is_lost_then_answered_once(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world, Line(world, lose=lambda number: number % 2 == 1)) as banks:
        for member in (ASKER, ASKED):
            await banks.connect(member)
        asked = await ask(banks, ASKER, ASKED, learner_of(banks, ASKED))
        await banks.work(ASKER, ASKED, until=listed(banks, ASKER, asked.scope))
        assert await leaves_of(banks, asked.scope) == ["record.read", "record.read"]


@pytest.mark.parametrize("victim", [ASKER, ASKED])
async def test_connector_when_killed_after_every_commit_then_the_enquiry_is_answered_once(tmp_path: Path, victim: str) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (ASKER, ASKED):
            await banks.connect(member)
        asked = await ask(banks, ASKER, ASKED, learner_of(banks, ASKED))
        deaths = 0
        while not await listed(banks, ASKER, asked.scope)():
            await banks.connect(victim, lambda database: Mortal(database, death=1, after=True))
            try:
                await banks.work(ASKER, ASKED, until=listed(banks, ASKER, asked.scope))
            except* KilledError:
                deaths += 1
        assert deaths >= 2
        assert await leaves_of(banks, asked.scope) == ["record.read", "record.read"]


async def test_consent_when_registered_used_and_withdrawn_by_connectors_then_case_ends_and_the_other_bank_hears(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        learner = banks.learner("CN-31", "CN-32")
        application = banks.counter.pushed(banks.banks["CN-31"], "CN-32", learner, Programme.SLOW)
        facing = banks.connectors["CN-31"]
        given = await facing.give_consent(application.consent)

        async def done(jti: str) -> bool:
            row = await facing.store.message(jti)
            return row is not None and row.state == "done"

        await banks.work("CN-31", until=lambda: done(given.jti))
        opened = await facing.submit(application)

        async def reviewing() -> bool:
            return await banks.state(opened.scope) == "reviewing"

        await banks.work("CN-31", "CN-32", until=reviewing)
        ending = await facing.withdraw_consent(application.consent.consent_id, Withdrawal("learner_request", "学习者要求"))
        assert ending.scope == given.scope

        async def ended() -> bool:
            other = await banks.connectors["CN-32"].store.case(opened.scope)
            return other is not None and other.state == "withdrawn" and await done(ending.jti)

        await banks.work("CN-31", "CN-32", until=ended)
        assert banks.banks["CN-32"].ended[opened.scope] == "withdrawn"
        for member in ("CN-31", "CN-32"):
            case = await banks.connectors[member].store.case(opened.scope)
            assert case is not None
            assert (case.state, case.todo) == ("withdrawn", "")
        assert await leaves_of(banks, given.scope) == ["consent.given", "consent.withdrawn"]


async def test_consent_when_withdrawn_in_posting_then_banks_are_told_and_still_book(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        learner = banks.learner("CN-31", "CN-32")
        application = banks.counter.pushed(banks.banks["CN-31"], "CN-32", learner)
        opened = await banks.connectors["CN-31"].submit(application)

        async def posting() -> bool:
            return await banks.state(opened.scope) in {"posting", "settled"}

        await banks.work("CN-31", "CN-32", until=posting)
        await banks.connectors["CN-31"].withdraw_consent(application.consent.consent_id, Withdrawal("learner_request", ""))

        async def told() -> bool:
            both = all(banks.banks[member].ended.get(opened.scope) == "consent_withdrawn" for member in ("CN-31", "CN-32"))
            return both and await banks.state(opened.scope) == "settled"

        await banks.work("CN-31", "CN-32", until=told)
        for member, role in (("CN-31", "source"), ("CN-32", "accepting")):
            assert (opened.scope, role) in banks.banks[member].posted
            assert await banks.connectors[member].store.refused() == []


# ---------------------------------------------------------------- what is false is not believed


async def fetched(banks: Region, *, listing: bool = False) -> tuple[str, dict[str, Content]]:
    """Scope and contents of a true message about an enquiry, as they stand with the bank that got it."""
    for member in (ASKER, ASKED):
        await banks.connect(member)
    asked = await ask(banks, ASKER, ASKED, learner_of(banks, ASKED))
    await banks.work(ASKER, ASKED, until=listed(banks, ASKER, asked.scope))
    store = banks.connectors[ASKER if listing else ASKED].store
    row = next(each for each in await store.inbox() if each.scope == asked.scope)
    return asked.scope, await store.contents("in", row.jti)


FALSE: dict[str, Callable[[dict[str, Content]], dict[str, Content]]] = {
    "another person": lambda held: held | {"identity": replace(held["identity"], data=held["identity"].data.replace(b"X", b"1", 1) + b" ")},
    "another question": lambda held: held | {"enquiry": replace(held["enquiry"], data=held["enquiry"].data.replace(b"CN-34", b"CN-33"))},
    "a consent nobody signed": lambda held: held | {"consent-source": replace(held["consent-source"], secret=bytes(32))},
    "no envelope": lambda held: held | {"case": _changed(held["case"], "envelopes", {})},
    "no proof": lambda held: held | {"case": _changed(held["case"], "proof", "x")},
}


def _changed(content: Content, name: str, value: object) -> Content:
    told = json.loads(content.data)
    return replace(content, data=jcs(told | {name: value}))


@pytest.mark.parametrize("kind", FALSE)
async def test_question_when_anything_of_it_is_false_then_not_answered(tmp_path: Path, kind: str) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope, held = await fetched(banks)
        reader = reader_of(banks.connectors[ASKED]._office)
        enquiry, _ = reader.question(scope, held, world.clock.now())
        assert enquiry.source == ASKED
        with pytest.raises(GatewayError):
            reader.question(scope, FALSE[kind](held), world.clock.now())
        with pytest.raises(GatewayError):
            reader.question("0" * 64, held, world.clock.now())
        with pytest.raises(GatewayError):
            reader.question(scope, held, world.clock.now() + timedelta(days=400))


async def test_list_when_not_the_asked_banks_own_then_not_believed(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        scope, held = await fetched(banks, listing=True)
        reader = reader_of(banks.connectors[ASKER]._office)
        assert reader.told(scope, held).listing is not None
        wrong = [
            held | {"listing": replace(held["listing"], data=held["listing"].data + b" ")},
            held | {"notice": _changed(held["notice"], "event", "enquiry_declined")},
            held | {"notice": _changed(held["notice"], "envelopes", {})},
            held | {"notice": _changed(held["notice"], "enquiry", {"facing": "CN-33", "source": "CN-32"})},
        ]
        for contents in wrong:
            with pytest.raises(GatewayError):
                reader.told(scope, contents)


def test_listing_when_a_record_is_cancelled_then_not_listed() -> None:
    tools = case_tools()
    adapter = tools.adapters["CN-32"]
    sample = Path(__file__).parents[2] / "gateway" / "adapters" / "jiangsu" / "samples" / "good"
    found = 0
    for file in sorted(sample.iterdir()):
        for part in adapter.split(file.read_bytes(), NO_MANIFEST, {}).parts:
            read = adapter.parse(part.content, part.manifest)
            cancelled = {record.record_id for record in read.records if record.operation.value == "cancel"}
            listed_ids = {item.record for item in listing_of(part, START.date(), adapter, tools.mapper, "CN-32").items}
            assert not listed_ids & cancelled
            found += len(cancelled)
    assert found > 0
