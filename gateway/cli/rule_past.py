"""A draft rule set tried on a gateway's own past cases: read from the node's database, opened with its master key, told in numbers.

The database is not written to and a running node is not disturbed.  What is printed names cases by their id and items by their
position, nobody and nothing else.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from rich.console import Console

from gateway.cli.catalogue_source import Source, open_source, standard_codes
from gateway.cli.catalogue_words import label
from gateway.cli.faults import CliError
from gateway.cli.rule_source import rule_set_at
from gateway.cli.rule_words import draw_simulation
from gateway.cli.screen import Screen
from gateway.cli.sources import OpenNode, open_node
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import CatalogueError
from gateway.mapping.schema import Standard
from gateway.model.canonical import Json
from gateway.recognition.links import standard_courses
from gateway.recognition.programme import Programme
from gateway.recognition.rules import RuleSet
from gateway.recognition.simulate import Comparison, PastItem, Simulation
from gateway.recognition.simulation_report import simulation_document
from gateway.system import data_folder
from gateway.transfers.past_cases import Left, PastCase, PastCases, Unread
from gateway.transfers.rule_view import RuleShelf

WHY: Final[Mapping[Unread, tuple[str, str]]] = {
    Unread.CLOSED: ("案中已关闭,未到认定", "closed before any decision"),
    Unread.CONSENT_WITHDRAWN: ("授权已撤回", "the consent was withdrawn"),
    Unread.NO_CONTENT: ("转出行没有给出内容", "the source bank sent no content"),
    Unread.ERASED: ("内容已删除", "erased"),
    Unread.SEALED_ELSEWHERE: ("不能用本主密钥打开", "sealed under another master key, or damaged"),
    Unread.UNREADABLE: ("按现行标准读不懂", "not readable by the standard of today"),
    Unread.NO_PROGRAMME: ("目录中没有所申请的专业", "the catalogue has no such programme"),
    Unread.OTHER_PROGRAMME: ("草案不适用于该专业", "the draft is not for that programme"),
}


@dataclass(frozen=True, slots=True)
class Own:
    """Which node, whose cases (`member` "" for the centre: all), and what to compare with: a file, or the rules in force."""

    config: Path | None
    data: Path | None
    master_key: Path | None
    member: str
    old: Path | None
    programme: str
    catalogue: Path | None
    day: date


@dataclass(slots=True)
class Targets:
    """Programmes and rules in force, looked up once each."""

    shelf: RuleShelf
    source: Source
    draft: RuleSet
    how: Own
    old: RuleSet | None
    _programmes: dict[str, Programme | Unread] = field(default_factory=dict)
    _before: dict[str, RuleSet | None] = field(default_factory=dict)

    def programme(self, code: str) -> Programme | Unread:
        """What the case was for, as the catalogue has it today."""
        if code not in self._programmes:
            self._programmes[code] = self._find(code)
        return self._programmes[code]

    def _find(self, code: str) -> Programme | Unread:
        if (self.draft.programmes and code not in self.draft.programmes) or self.how.programme not in {"", code}:
            return Unread.OTHER_PROGRAMME
        try:
            found = self.source.catalogue.programme(code, self.how.day)
        except CatalogueError:
            return Unread.NO_PROGRAMME
        return found if found.accepting == self.draft.accepting else Unread.NO_PROGRAMME

    async def before(self, code: str) -> RuleSet | None:
        """The rules compared with: those of `--old`, else those in force for that programme."""
        if self.old is not None:
            return self.old
        if code not in self._before:
            current = await self.shelf.current_rules(self.draft.accepting, code, self.how.day)
            self._before[code] = None if current is None else current[1]
        return self._before[code]

    @property
    def compared(self) -> list[str]:
        """Every set that was compared with, as `id version`."""
        named = [self.old] if self.old is not None else list(self._before.values())
        return sorted({f"{each.id} {each.version}" for each in named if each is not None})


def simulate_past(screen: Screen, file: Path, how: Own) -> None:
    """Nothing is stored and nobody is told.  Raises CliError, CatalogueError, RecognitionError, StorageError."""
    draft, old = rule_set_at(file), None if how.old is None else rule_set_at(how.old)
    found, left, compared = asyncio.run(_run(screen, draft, old, how))
    document = {**simulation_document(found), "compared_with": list[Json](compared), "unread": _unread(left)}

    def draw(console: Console) -> None:
        draw_simulation(console, found)
        draw_left(console, left, compared)

    screen.emit(document, draw)


async def _run(screen: Screen, draft: RuleSet, old: RuleSet | None, how: Own) -> tuple[Simulation, Left, list[str]]:
    async with open_node(how.config, how.data, how.master_key) as node:
        source = open_source(how.catalogue or (node.settings.recognition.catalogue_folder if node.settings is not None else None))
        label(screen, source)
        standard = Standard(data_folder("standards"))
        past = PastCases(node.database, _master_key(node, how.master_key), standard)
        targets = Targets(RuleShelf(node.database, standard_codes()), source, draft, how, old)
        running = Comparison(draft, standard_courses(source.catalogue, how.day))
        done, of = 0, await past.count(draft.accepting)
        with screen.progress("试算 simulating") as tick:
            async for case in past.of(draft.accepting, how.member):
                if case is not None:
                    await _take(running, targets, past.left, case)
                done += 1
                tick(done, of)
    return running.report(), past.left, targets.compared


async def _take(running: Comparison, targets: Targets, left: Left, case: PastCase) -> None:
    programme = targets.programme(case.programme)
    if isinstance(programme, Unread):
        left.out(programme, len(case.records))
        return
    items = [PastItem(case.transfer, case.day, programme, record, str(position)) for position, record in case.records]
    running.take(await targets.before(case.programme), items)


def _master_key(node: OpenNode, given: Path | None) -> KeyEncryptionKey:
    """From a file, always: the one given, else the one the settings name."""
    path = given or (node.settings.keys.master_key_file if node.settings is not None else None)
    if path is None:
        raise CliError("cli.usage", "用 --data 时须以 --master-key 指明主密钥文件", "--data needs the master key's file: --master-key")
    return KeyEncryptionKey.load(path)


def _unread(left: Left) -> dict[str, Json]:
    return {why.value: {"transfers": left.cases[why], "items": left.items[why]} for why in Unread if why in left.items}


def draw_left(console: Console, left: Left, compared: list[str]) -> None:
    """What the draft was compared with, and what was not tried."""
    console.print(f"比较的版本 compared with: {', '.join(compared) or '无现行规则 no rules in force'}")
    for why in Unread:
        if why in left.items:
            zh, en = WHY[why]
            console.print(f"未试算 not tried: {left.items[why]} 项 items({left.cases[why]} 案 cases):{zh} / {en}")
