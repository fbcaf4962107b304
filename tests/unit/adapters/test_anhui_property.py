"""Anhui, for all inputs: order does not matter, writing and reading are inverse, hostile bytes have a name."""

import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.adapters.anhui.adapter import AnhuiAdapter
from gateway.adapters.anhui.settings import read_settings
from gateway.errors import FormatError, RecordError
from gateway.formats.csv_safe import read_csv, write_csv
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, Operation, PartManifest

ROOT = Path(__file__).parents[3]
CONFIG = tomllib.loads((ROOT / "config/regions/anhui.toml").read_text("utf-8"))["adapter"]
ADAPTER = AnhuiAdapter(read_settings(CONFIG))
FEED = (ROOT / "gateway/adapters/anhui/samples/feed/ah.csv").read_bytes()
BOOK = (ROOT / "gateway/adapters/anhui/samples/feed/month.xlsx").read_bytes()
JUNE = PartManifest("2023-06")
TABLE = [row.cells for row in read_csv(FEED).rows]
GROUPS = ((1, 2), (3,), (4,), (5,), (6,))
"""Rows of the sample that move together: the second continues the first."""


def fates(rows: Sequence[tuple[str, ...]], *, workbook: bool) -> tuple[dict[tuple[str, ...], object], tuple[str, ...]]:
    """What became of each row, by its own cells; and the batch's warnings."""
    content = write_xlsx([text_cells(row) for row in rows]) if workbook else write_csv(rows, encoding="gb18030")
    feed = ADAPTER.split(content, JUNE, {})
    fate: dict[tuple[str, ...], object] = {}
    for part in feed.parts:
        read = ADAPTER.parse(part.content, part.manifest)
        for record in read.records:
            fate[rows[part.rows[record.row - 1]]] = (record.record_id, record.issues, read.learner)
    fate |= {rows[each.row]: tuple(problem.code for problem in each.problems) for each in feed.quarantined}
    fate |= {rows[each.row]: each.rule for each in feed.ignored}
    assert feed.rows_read == len(rows) - 1 == len(fate)
    return fate, feed.warnings


@given(st.permutations(GROUPS), st.booleans())
def test_feed_when_rows_change_places_then_each_has_the_same_fate(order: Sequence[tuple[int, ...]], workbook: bool) -> None:
    shuffled = [TABLE[0], *(TABLE[row] for group in order for row in group)]
    assert fates(shuffled, workbook=workbook) == fates(TABLE, workbook=False)


DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
READABLE = st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn", "Zl", "Zp"], exclude_characters=DIRECTIONS)
LINE = st.text(alphabet=READABLE, min_size=1, max_size=15).map(str.strip).filter(bool)
PLAIN = LINE.filter(lambda text: not any(mark in text for mark in "、;;") and text[0] not in "=#")
RECORD = st.fixed_dictionaries(
    {
        "序号": st.integers(1, 999).map(str),
        "成果名称": PLAIN,
        "成果类型": st.sampled_from(["学历课程", "证书", "职业技能等级", "社区教育"]),
        "课时": st.sampled_from(["64(48+16)", "80", "12次", "—", "", "６４"]),
        "学分": st.sampled_from(["3.5学分", "3", "0.5", ""]),
        "成绩": st.sampled_from(["良好", "78/100", "合格", "二级甲等", "参加", ""]),
        "发证单位": PLAIN,
        "证书编号": st.sampled_from(["", "S000034000117235001988", "2233000000401187", "0012"]),
        "取得时间": st.sampled_from(["2023年6月", "2023/6/30", "2019-9", "2024.3.1-2024.5.31", "20230630", ""]),
        "备注": st.just("") | PLAIN,
    }
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORD, min_size=1, max_size=5), st.sampled_from(["csv-gb18030", "csv-utf8-bom", "xlsx"]))
def test_rendering_when_any_records_without_faults_then_parsed_the_same(rows: list[dict[str, str]], form: str) -> None:
    ids = {row: f"AH-{row}" for row in range(1, len(rows) + 1)}
    part = LocalPart(
        "anhui",
        "1",
        LocalLearner("", "340111199003072151", None, "陆明远"),
        {"姓名": "陆明远", "身份证号": "340111199003072151", "所在单位": "合肥示例学院", "期间": "2023-06"},
        tuple(LocalRecord(ids[row], Operation.DEPOSIT, row, "row", values) for row, values in enumerate(rows, start=1)),
    )
    content = AnhuiAdapter(read_settings(CONFIG | {"render_as": form})).render(part)
    assert ADAPTER.parse(content, PartManifest("2023-06", ids)) == part


def try_all(content: bytes) -> None:
    with suppress(FormatError, RecordError):
        ADAPTER.parse(content, PartManifest("2023-06", {1: "AH-1"}))
    with suppress(FormatError, RecordError):
        feed = ADAPTER.split(content, JUNE, {})
        assert feed.rows_read == sum(len(part.rows) for part in feed.parts) + len(feed.quarantined) + len(feed.ignored)
        for part in feed.parts:
            read = ADAPTER.parse(part.content, part.manifest)
            assert (read.quarantined, read.ignored, len(read.records)) == ((), (), len(part.rows))


MUTATIONS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(MUTATIONS, st.booleans())
def test_reading_when_bytes_are_changed_then_only_named_errors(changes: list[tuple[float, int]], workbook: bool) -> None:
    content = bytearray(BOOK if workbook else FEED)
    for at, byte in changes:
        content[int(at * len(content))] = byte
    try_all(bytes(content))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(sorted({cell for row in TABLE for cell in row})) | st.text(max_size=6), max_size=15), max_size=8))
def test_reading_when_cells_are_any_text_then_what_is_cut_is_read_again_whole(rows: list[list[str]]) -> None:
    with suppress(FormatError):
        try_all(write_csv([TABLE[0], *rows], encoding="utf-8-sig"))


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_reading_when_any_bytes_then_only_named_errors(content: bytes) -> None:
    try_all(content)
