"""A forward is believed only whole: each content altered by a lying gateway, and each claim of the case, is noticed."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.connectors import Region, case_tools, four_banks
from support.region import World, region

from gateway.client.cases import CaseReader
from gateway.client.receipts import Judge
from gateway.errors import GatewayError
from gateway.federation.message import Content
from gateway.mapping.regional_xml import read_part
from gateway.model.canonical import jcs


@dataclass
class Given:
    """A genuine message of the gateway, as the bank keeps it."""

    world: World
    reader: CaseReader
    scope: str
    contents: dict[str, Content]

    def with_data(self, name: str, data: bytes) -> dict[str, Content]:
        return {**self.contents, name: replace(self.contents[name], data=data)}

    def with_case(self, name: str, **members: Any) -> dict[str, Content]:
        told = json.loads(self.contents[name].data) | members
        return self.with_data(name, jcs(told))

    def forward(self, contents: Mapping[str, Content]) -> Any:
        return self.reader.forward(self.scope, contents, self.world.clock.now())


async def kept(banks: Region, member: str, act: str) -> Given:
    connector = banks.connectors[member]
    while not any(row.act == act for row in await connector.store.kept(16)):
        await connector.collect()
    row = next(row for row in await connector.store.kept(16) if row.act == act)
    reader = CaseReader(member, Judge(banks.world.trust), case_tools())
    return Given(banks.world, reader, row.scope, await connector.store.contents("in", row.jti))


@pytest.fixture(params=["CN-31", "CN-32", "CN-33", "CN-34"])
async def forwarded(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Given]:
    """A pushed case from each bank, as its neighbour receives it."""
    source = request.param
    accepting = {"CN-31": "CN-32", "CN-32": "CN-33", "CN-33": "CN-34", "CN-34": "CN-31"}[source]
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in (source, accepting):
            await banks.connect(member)
        opened = await banks.open(source, accepting)
        await banks.work(source, until=lambda: sent(banks, source, opened.jti))
        yield await kept(banks, accepting, "forward")


async def sent(banks: Region, member: str, jti: str) -> bool:
    row = await banks.connectors[member].store.message(jti)
    return row is not None and row.state == "done"


async def test_forward_when_genuine_then_gives_the_case_in_the_banks_own_words(forwarded: Given) -> None:
    found = forwarded.forward(forwarded.contents)
    assert found.case.transfer == forwarded.scope
    assert [item.record for item in found.case.items] == [record.record_id for record in found.case.regional.records]
    assert found.case.local.region == forwarded.reader.tools.adapters[forwarded.reader.member].region
    assert found.case.local.records


async def test_forward_when_any_content_is_altered_then_refused(forwarded: Given) -> None:
    for name, content in forwarded.contents.items():
        if name in {"loss", "local-loss", "case"}:
            continue  # reports about the mapping, which the bank runs again itself; the case has a test of its own
        place = len(content.data) * 3 // 4  # a value's, in each format: the heading of an empty column says nothing
        altered = content.data[:place] + bytes([content.data[place] ^ 1]) + content.data[place + 1 :]
        assert refused(forwarded, forwarded.with_data(name, altered)), name


async def test_forward_when_gateway_invents_a_title_consistently_then_mapping_it_again_tells(forwarded: Given) -> None:
    reader = forwarded.reader
    altered = forwarded.contents["regional"].data.replace("管理学基础".encode(), "量子力学初步".encode())
    assert altered != forwarded.contents["regional"].data
    part = read_part(altered, reader.tools.standard)
    learner = {path: value for path, value in part.learner.items() if path != "account"}
    adapter = reader.tools.adapters[reader.member]
    local = adapter.render(reader.tools.mapper.to_local(replace(part, learner=learner), adapter.region).part)
    contents = forwarded.with_data("regional", altered) | {"local": replace(forwarded.contents["local"], data=local)}
    with pytest.raises(GatewayError, match=r"peer\.off_protocol"):
        forwarded.forward(contents)


async def test_forward_when_case_names_other_things_then_refused(forwarded: Given) -> None:
    told = json.loads(forwarded.contents["case"].data)
    leaf, items = base64.b64decode(told["leaf"]), told["case"]["items"]
    lies: list[dict[str, Any]] = [
        {"envelopes": {}},
        {"envelopes": []},
        {"envelopes": dict.fromkeys(told["envelopes"], "a.b.c")},
        {"mapping": ["another", "1"]},
        {"leaf": "@"},
        {"leaf": base64.b64encode(leaf.replace(b"delivering", b"reviewing!")).decode()},
        {"proof": told["proof"].replace("index ", "index 1")},
        {"proof": None},
        {"case": None},
        {"case": {**told["case"], "items": "none"}},
        {"case": {**told["case"], "items": []}},
        {"case": {**told["case"], "items": [*items, *items]}},
        {"case": {**told["case"], "items": [{**items[0], "credits": "9.0"}]}},
        {"case": {**told["case"], "items": [{**items[0], "kind": "AWARD"}]}},
        {"case": {**told["case"], "items": [{**items[0], "record": "another"}]}},
        {"case": {**told["case"], "items": [{**items[0], "state": "closed"}]}},
    ]
    for lie in lies:
        with pytest.raises(GatewayError):
            forwarded.forward(forwarded.with_case("case", **lie))


async def test_forward_when_for_another_transfer_then_refused(forwarded: Given) -> None:
    with pytest.raises(GatewayError):
        forwarded.reader.forward("0" * 64, forwarded.contents, forwarded.world.clock.now())


async def test_forward_when_consent_has_run_out_then_refused(forwarded: Given) -> None:
    forwarded.world.clock.advance(days=61)
    with pytest.raises(GatewayError, match=r"consent\.expired"):
        forwarded.forward(forwarded.contents)


async def test_forward_when_read_by_another_bank_then_refused(forwarded: Given) -> None:
    stranger = replace(forwarded.reader, member="CN-99")
    with pytest.raises(GatewayError, match=r"peer\.off_protocol"):
        stranger.forward(forwarded.scope, forwarded.contents, forwarded.world.clock.now())


async def test_notice_when_decision_is_altered_or_unsigned_then_refused(tmp_path: Path) -> None:
    async with region(tmp_path) as world, four_banks(world) as banks:
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        opened = await banks.open("CN-31", "CN-32")
        await banks.work("CN-31", until=lambda: sent(banks, "CN-31", opened.jti))
        await banks.work("CN-32", until=lambda: decided(banks))
        given = await kept(banks, "CN-31", "notify")
        found = given.reader.notice(given.scope, given.contents)
        assert found.event == "decided"
        assert found.decision is not None
        more = given.contents["decision"].data.replace(b"<credits>4.0<", b"<credits>9.0<")
        for contents in (
            given.with_data("decision", more),
            {name: content for name, content in given.contents.items() if name != "decision"},
            given.with_case("notice", envelope=""),
            given.with_case("notice", event=7),
            given.with_case("notice", decision="another"),
            given.with_case("notice", proof=""),
        ):
            with pytest.raises(GatewayError):
                given.reader.notice(given.scope, contents)


def refused(given: Given, contents: Mapping[str, Content]) -> bool:
    try:
        given.forward(contents)
    except GatewayError:
        return True
    return False


async def decided(banks: Region) -> bool:
    return any(row.act == "decide" and row.state == "done" for row in await banks.connectors["CN-32"].store.messages())
