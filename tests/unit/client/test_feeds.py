"""A bank's files read together: what counts of two words about one record, which ids rows keep, what stays behind."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.folder_bank import chained, jiangsu_rows
from support.region import REGIONS, tools

from gateway.client.feed_rows import KnownRows
from gateway.client.feeds import Feeds, Shelf
from gateway.crypto.sm3 import sm3_hex
from gateway.model.local import Operation
from gateway.simulator.ledgers import Entry, write_feed
from gateway.simulator.people import make_learner

LEARNERS = [make_learner(number, "CN-34", random.Random(number)) for number in range(3)]
TITLES = ("管理学基础", "基础会计", "经济法概论", "应用写作")


class Shelves:
    """One member's `feeds/`; every file is laid later than the one before."""

    def __init__(self, folder: Path, member: str) -> None:
        self.member = member
        self.rows = KnownRows()
        self.feeds = Feeds(folder, tools().regions[REGIONS[member]], self.rows)
        self.at = 1_700_000_000_000_000_000

    def lay(self, name: str, content: bytes, slip: str = "") -> Shelf:
        path = self.feeds.folder / name
        path.write_bytes(content)
        if slip:
            path.with_name(name + ".toml").write_text(slip, "utf-8")
        self.at += 1_000_000_000
        os.utime(path, ns=(self.at, self.at))
        return self.feeds.shelf()

    def again(self) -> "Shelves":
        """The connector was started again: what was known comes from its database."""
        self.feeds = Feeds(self.feeds.folder, self.feeds.adapter, self.rows)
        return self


def entries(*scores: int) -> list[Entry]:
    return [Entry("course", f"2023{place:07d}", TITLES[place], score) for place, score in enumerate(scores)]


def sheet(*scores: int, learner: int = 0, change: Callable[[str], str] = lambda text: text) -> bytes:
    return change(write_feed("CN-34", LEARNERS[learner], entries(*scores)).decode("gb18030")).encode("gb18030")


def ids(shelf: Shelf) -> list[str]:
    return [record for person in shelf.people for record in person.entries]


def says(shelf: Shelf, path: str) -> list[Any]:
    return [entry.record.values[path] for person in shelf.people for entry in person.entries.values()]


def held(shelf: Shelf) -> list[tuple[str, int, str]]:
    return [(row.file, row.row, problem.code) for row in shelf.held for problem in row.problems]


@pytest.fixture
def anhui(tmp_path: Path) -> Shelves:
    return Shelves(tmp_path, "CN-34")


def test_month_when_its_file_is_replaced_then_rows_keep_their_ids_and_say_the_new(anhui: Shelves) -> None:
    before = ids(anhui.lay("2024-06.csv", sheet(80, 70)))
    after = anhui.lay("2024-06-b.csv", sheet(91, 70))
    assert ids(after) == before
    assert says(after, "成绩") == ["91/100", "70/100"]


def test_months_when_there_are_several_then_they_add_up_and_a_replaced_one_counts_no_more(anhui: Shelves) -> None:
    anhui.lay("2024-06.csv", sheet(80, 70))
    may = anhui.lay("2024-05.csv", sheet(60, 61, 62, change=lambda text: text.replace("2023年6月", "2022年6月")))
    assert len(ids(may)) == 5
    assert len(ids(anhui.lay("2024-06-b.csv", sheet(80)))) == 4


def test_row_when_corrected_in_the_facts_that_name_it_then_keeps_its_id_in_its_line(anhui: Shelves) -> None:
    first, second = ids(anhui.lay("2024-06.csv", sheet(80, 70)))
    shelf = anhui.lay("2024-06.csv", sheet(80, 70, change=lambda text: text.replace("基础会计", "会计学基础")))
    assert ids(shelf) == [first, second]
    assert says(shelf, "成果名称") == ["管理学基础", "会计学基础"]
    assert ids(anhui.again().feeds.shelf()) == [first, second]


def test_row_when_damaged_for_a_month_and_mended_then_has_the_id_it_had(anhui: Shelves) -> None:
    first, second = ids(anhui.lay("2024-06.csv", sheet(80, 70)))
    damaged = anhui.lay("2024-06.csv", sheet(80, 70, change=lambda text: text.replace("70/100", "七十多")))
    assert (ids(damaged), [row.row for row in damaged.held]) == ([first], [2])
    again = anhui.again().lay("2024-06.csv", sheet(80, 70, change=lambda text: text.replace("基础会计", "基础会计学")))
    assert ids(again) == [first, second]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("基础会计", "社区护理").replace("70/100", "61/100"),
        lambda text: text.replace(LEARNERS[0].citizen_id, LEARNERS[1].citizen_id),
    ],
    ids=["another achievement", "another learner"],
)
def test_row_when_it_says_something_else_in_the_same_line_then_gets_an_id_of_its_own(anhui: Shelves, change: Callable[[str], str]) -> None:
    _, second = ids(anhui.lay("2024-06.csv", sheet(80, 70)))
    assert second not in ids(anhui.lay("2024-06.csv", sheet(80, 70, change=change)))


def test_row_when_corrected_and_moved_to_another_line_then_nobody_guesses(anhui: Shelves) -> None:
    first, second = ids(anhui.lay("2024-06.csv", sheet(80, 70)))
    moved = sheet(80, 70, 70, change=lambda text: _lines(text.replace("基础会计", "会计学基础"), 0, 1, 3, 2))
    after = ids(anhui.lay("2024-06.csv", moved))
    assert first in after
    assert second not in after


def _lines(text: str, *order: int) -> str:
    lines = text.split("\r\n")
    return "\r\n".join(lines[place] for place in order) + "\r\n"


def test_files_when_one_cannot_be_read_then_the_others_go_on_and_it_is_named(anhui: Shelves) -> None:
    anhui.lay("2024-06.csv", sheet(80))
    anhui.lay("rubbish.csv", sheet(70))  # no period
    anhui.lay("2024-07.csv", b"\xff\xfe\x00")
    shelf = anhui.lay(".2024-08.csv", b"still being written")
    assert len(ids(shelf)) == 1
    assert {(file, row) for file, row, _ in held(shelf)} == {("rubbish.csv", 0), ("2024-07.csv", 0)}


def test_month_when_its_newest_file_cannot_be_read_then_the_last_good_one_stands(anhui: Shelves) -> None:
    before = ids(anhui.lay("2024-06.csv", sheet(80)))
    shelf = anhui.lay("2024-06-b.csv", b"\x00\x01")
    assert ids(shelf) == before
    assert [row.file for row in shelf.held] == ["2024-06-b.csv"]


@pytest.mark.parametrize(
    ("slip", "code"),
    [
        ("sm3 = 7", "format.feed_slip"),
        ("other = 1", "format.feed_slip"),
        ('disappeared = "gone"', "format.feed_slip"),
        ('disappeared = "cancelled"', "format.feed_slip"),
        (f'sm3 = "{"0" * 64}"', "format.feed_digest"),
        ("= no toml", "format.feed_slip"),
    ],
)
def test_slip_when_wrong_then_the_file_is_not_read(anhui: Shelves, slip: str, code: str) -> None:
    shelf = anhui.lay("2024-06.csv", sheet(80), slip)
    assert (ids(shelf), held(shelf)) == ([], [("2024-06.csv", 0, code)])


def test_slip_when_right_then_the_month_says_what_is_gone_is_void(anhui: Shelves) -> None:
    content = sheet(80)
    assert anhui.lay("2024-06.csv", content, f'sm3 = "{sm3_hex(content)}"\n').cancelling == frozenset()
    said = f'sm3 = "{sm3_hex(content)}"\ndisappeared = "cancelled"\n'
    assert anhui.lay("2024-06.csv", content, said).cancelling == {"2024-06"}


def test_pushes_when_one_record_is_said_twice_then_the_later_push_counts_not_the_later_file(tmp_path: Path) -> None:
    shanghai = Shelves(tmp_path, "CN-31")
    learner = LEARNERS[0]
    newer = write_feed("CN-31", learner, entries(91, 70)).replace(b"2024-07-03 10:22:33", b"2024-08-01 00:00:00")
    shanghai.lay("a.json", newer)
    shelf = shanghai.lay("b.json", write_feed("CN-31", learner, entries(80, 70, 66)))
    assert says(shelf, "course_score") == [91, 70, 66]


def test_batches_when_rows_are_changed_and_cancelled_then_the_later_batch_counts(tmp_path: Path) -> None:
    jiangsu = Shelves(tmp_path, "CN-32")
    learner = LEARNERS[0]
    before = ids(jiangsu.lay("a.xml", write_feed("CN-32", learner, entries(80, 70))))
    changed = jiangsu_rows(write_feed("CN-32", learner, entries(91)), lambda text: text.replace('CZ="X"', 'CZ="G"'))
    jiangsu.lay("b.xml", changed)
    cancelled = jiangsu_rows(write_feed("CN-32", learner, entries(80, 70)[1:]), lambda text: text.replace('CZ="X"', 'CZ="C"'))
    shelf = jiangsu.lay("c.xml", cancelled)
    assert ids(shelf) == before
    assert says(shelf, "CJ") == ["优", "中"]
    assert [entry.record.operation for entry in shelf.people[0].entries.values()] == [Operation.CHANGE, Operation.CANCEL]


def test_pages_of_a_chain_when_in_several_files_then_one_chain_and_a_fork_is_held_back(tmp_path: Path) -> None:
    zhejiang = Shelves(tmp_path, "CN-33")
    content = write_feed("CN-33", LEARNERS[0], entries(80, 70))
    batch = json.loads(content)
    amend = batch["records"][0]["payload"] | {"op": "AMEND", "reason": "更正"}
    whole = json.loads(chained(content, amend))
    page = {**whole, "records": whole["records"][2:], "count": 1}
    zhejiang.lay("a.json", content)
    assert len(ids(zhejiang.feeds.shelf())) == 2
    # a page that does not begin at a trusted start is no feed by itself: the file is held back, the chain before stands
    shelf = zhejiang.lay("b.json", json.dumps(page).encode())
    assert [code for _, _, code in held(shelf)] == ["record.chain_start"]
    shelf = zhejiang.lay("b.json", json.dumps(whole).encode())
    assert [entry.record.operation for entry in shelf.people[0].entries.values()] == [Operation.DEPOSIT, Operation.CHANGE]
    forked = chained(content, amend | {"reason": "另一次更正"})
    shelf = zhejiang.lay("c.json", forked)
    assert {code for _, _, code in held(shelf)} == {"record.chain_fork"}
    assert shelf.people == ()


def test_edition_when_files_or_slips_change_then_another_one(anhui: Shelves) -> None:
    seen = {anhui.feeds.edition()}
    for name, content, slip in (
        ("2024-06.csv", sheet(80), ""),
        ("2024-06.csv", sheet(81), ""),
        ("2024-06.csv", sheet(81), 'disappeared = "ask"'),
    ):
        anhui.lay(name, content, slip)
        seen.add(anhui.feeds.edition())
    assert len(seen) == 4
