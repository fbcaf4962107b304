"""A draft rule set tried on a gateway's own past cases: read from the node's database, opened with its master key, told in numbers.

The database is not written to and a running node is not disturbed.  What is printed names cases by their id and items by their
position, nobody and nothing else.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from rich.console import Console

from gateway.cli.catalogue_source import Source, open_source, standard_codes
from gateway.cli.catalogue_words import label
from gateway.cli.faults import CliError
from gateway.cli.rule_source import rule_set_at
from gateway.cli.rule_words import draw_simulation
from gateway.cli.screen import Screen
from gateway.cli.sources import OpenNode, open_node, settings_of
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import CatalogueError
from gateway.model.canonical import Json
from gateway.model.codes import CodeTables
from gateway.recognition.facts import StandardCourses
from gateway.recognition.links import standard_courses
from gateway.recognition.programme import Programme
from gateway.recognition.rules import RuleSet
from gateway.recognition.simulate import Comparison, PastItem, Tally, report
from gateway.recognition.simulation_report import simulation_document
from gateway.storage.read_only import ReadOnlyDatabase
from gateway.transfers.past_cases import ALL, Left, PastCase, PastCases, Stretch, Unread
from gateway.transfers.rule_view import RuleShelf

CASES_SHARED_MIN: Final = 10_000
"""From so many cases on several processes are worth their start."""
SHARES: Final = 16
WORKERS_MAX: Final = 16
TRYING: Final = "试算 simulating"
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

    codes: CodeTables
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

    async def before(self, code: str, database: ReadOnlyDatabase) -> RuleSet | None:
        """The rules compared with: those of `--old`, else those in force for that programme."""
        if self.old is not None:
            return self.old
        if code not in self._before:
            current = await RuleShelf(database, self.codes).current_rules(self.draft.accepting, code, self.how.day)
            self._before[code] = None if current is None else current[1]
        return self._before[code]

    @property
    def compared(self) -> list[str]:
        """Every set that was compared with, as `id version`."""
        named = [self.old] if self.old is not None else list(self._before.values())
        return sorted({f"{each.id} {each.version}" for each in named if each is not None})


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a stretch of cases; `compared` are the sets compared with."""

    cases: int
    tally: Tally
    left: Left
    compared: list[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """All that is loaded once, however many processes try."""

    draft: RuleSet
    how: Own
    targets: Targets
    courses: StandardCourses

    async def count(self) -> int:
        async with open_node(self.how.config, self.how.data, self.how.master_key) as node:
            return await PastCases(node.database, _master_key(node, self.how.master_key)).count(self.draft.accepting)

    async def of(self, stretch: Stretch, done: Callable[[int], None]) -> Tried:
        """Try the cases of a stretch; `done` gets how many there were so far."""
        async with open_node(self.how.config, self.how.data, self.how.master_key) as node:
            past = PastCases(node.database, _master_key(node, self.how.master_key))
            running = Comparison(self.draft, self.courses)
            cases = 0
            async for case in past.of(self.draft.accepting, self.how.member, stretch):
                if case is not None:
                    await _take(running, self.targets, past.left, case, node.database)
                cases += 1
                done(cases)
        return Tried(cases, running.tally, past.left, self.targets.compared)


def simulate_past(screen: Screen, file: Path, how: Own) -> None:
    """Nothing is stored and nobody is told.  Raises CliError, CatalogueError, RecognitionError, StorageError."""
    draft, old = rule_set_at(file), None if how.old is None else rule_set_at(how.old)
    source = open_source(how.catalogue or (settings_of(how.config).recognition.catalogue_folder if how.data is None else None))
    label(screen, source)
    trial = Trial(draft, how, Targets(standard_codes(), source, draft, how, old), standard_courses(source.catalogue, how.day))
    tally, left, compared = _tried(screen, trial)
    found = report(draft, tally)
    document = {**simulation_document(found), "compared_with": list[Json](sorted(compared)), "unread": _unread(left)}

    def draw(console: Console) -> None:
        draw_simulation(console, found)
        draw_left(console, left, sorted(compared))

    screen.emit(document, draw)


def _tried(screen: Screen, trial: Trial) -> tuple[Tally, Left, set[str]]:
    """By this process or, where it pays, by several: what comes of it is the same.

    Those are copies of this one, made before anything runs beside it: what is loaded is theirs too, while each opens the database
    and the master key's file for itself.
    """
    of = asyncio.run(trial.count())
    if of < CASES_SHARED_MIN:
        with screen.progress(TRYING) as tick:
            return _joined([asyncio.run(trial.of(ALL, lambda done: tick(done, of)))], lambda _done: None)
    workers = min(os.cpu_count() or 1, WORKERS_MAX)
    with ProcessPoolExecutor(workers, mp_context=get_context("fork"), initializer=_HELD.append, initargs=(trial,)) as pool:
        shares = pool.map(_share, stretches())
        with screen.progress(TRYING) as tick:
            return _joined(shares, lambda done: tick(done, of))


def _joined(found: Iterable[Tried], done: Callable[[int], None]) -> tuple[Tally, Left, set[str]]:
    tally, left, compared, cases = Tally(), Left(), set[str](), 0
    for tried in found:
        tally.join(tried.tally)
        left.join(tried.left)
        compared.update(tried.compared)
        cases += tried.cases
        done(cases)
    return tally, left, compared


def stretches() -> list[Stretch]:
    """All case ids (they are digests, in hexadecimal) in SHARES parts about as large, in order."""
    bounds = [f"{first:02x}" for first in range(0, 256, 256 // SHARES)][1:]
    return list(zip(["", *bounds], [*bounds, ""], strict=True))


_HELD: Final[list[Trial]] = []
"""In a copy: what it is to try."""


def _share(stretch: Stretch) -> Tried:
    return asyncio.run(_HELD[-1].of(stretch, lambda _done: None))


async def _take(running: Comparison, targets: Targets, left: Left, case: PastCase, database: ReadOnlyDatabase) -> None:
    programme = targets.programme(case.programme)
    if isinstance(programme, Unread):
        left.out(programme, len(case.records))
        return
    items = [PastItem(case.transfer, case.day, programme, record, str(position)) for position, record in case.records]
    running.take(await targets.before(case.programme, database), items)


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
