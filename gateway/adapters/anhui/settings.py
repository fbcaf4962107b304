"""What a deployment may choose about Anhui's sheet: the `[adapter]` table of `config/regions/anhui.toml`.

The format is our invention; every heading and every word that is recognised is a setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.adapters.settings_table import SettingsTable
from gateway.model.cells import fold

REGION = "anhui"
VERSION = "1"

NAME, CITIZEN, UNIT, PERIOD = "姓名", "身份证号", "所在单位", "期间"
NUMBER, TITLE, KIND, HOURS, CREDITS = "序号", "成果名称", "成果类型", "课时", "学分"
GRADE, ISSUER, CERTIFICATE, DATE, REMARK = "成绩", "发证单位", "证书编号", "取得时间", "备注"

COLUMNS = (NUMBER, NAME, CITIZEN, UNIT, TITLE, KIND, HOURS, CREDITS, GRADE, ISSUER, CERTIFICATE, DATE, REMARK)
"""The sheet's columns in the bank's order, by the name the gateway gives them."""
PERSON_COLUMNS = (NAME, CITIZEN, UNIT)
RECORD_COLUMNS = tuple(column for column in COLUMNS if column not in PERSON_COLUMNS)
REQUIRED_COLUMNS = (NAME, CITIZEN, TITLE, KIND, HOURS, CREDITS, GRADE, ISSUER, DATE)

ORIGIN = "成果来源"
ORIGINS = frozenset({"原始", "转换"})
"""A column that need not be there, and the words it may hold: an original of the bank's own, or held by a conversion."""

RENDER_FORMS = ("csv-gb18030", "csv-utf8-bom", "xlsx")
SALT_CHARS_MIN = 16


@dataclass(frozen=True, slots=True)
class AnhuiSettings:
    """`headings` maps a column to how it may be headed, the bank's usual heading first; `by_heading` is its inverse, folded.

    `record_id_salt` keys the digests that become record ids: whoever has it can try citizen numbers.
    """

    headings: Mapping[str, tuple[str, ...]]
    by_heading: Mapping[str, str]
    header_rows_max: int
    render_as: str
    accept_plain_utf8: bool
    csv_epoch_1904: bool
    totals_words: frozenset[str]
    grand_totals: frozenset[str]
    title_separators: tuple[str, ...]
    several_words: tuple[str, ...]
    fill_down: frozenset[str]
    empty_slot: str
    record_id_salt: bytes
    rows_part_max: int
    rows_feed_max: int


def read_settings(settings: Mapping[str, object]) -> AnhuiSettings:
    """Raises SettingsError with every wrong key at once."""
    table = SettingsTable(f"{REGION}/adapter", settings)
    headings, by_heading = _headings(table)
    salt = table.text("record_id_salt")
    if len(salt) < SALT_CHARS_MIN:
        table.problem("record_id_salt", "settings.out_of_range", f"至少 {SALT_CHARS_MIN} 个字符", f"at least {SALT_CHARS_MIN} characters")
    grand = table.texts("grand_totals", ("合计", "总计"))
    fill_down = table.texts("fill_down", (NUMBER, NAME, CITIZEN, UNIT, ISSUER, KIND))
    if not set(fill_down) <= set(COLUMNS):
        table.problem("fill_down", "settings.unknown_choice", "含未知的列名", "names a column that is not one")
    read = AnhuiSettings(
        headings=headings,
        by_heading=by_heading,
        header_rows_max=table.whole("header_rows_max", 1, 20, 5),
        render_as=table.choice("render_as", RENDER_FORMS, RENDER_FORMS[0]),
        accept_plain_utf8=table.flag("accept_plain_utf8", default=False),
        csv_epoch_1904=table.flag("csv_epoch_1904", default=False),
        totals_words=frozenset(grand) | frozenset(table.texts("subtotals", ("小计", "本页小计"))),
        grand_totals=frozenset(grand),
        title_separators=table.texts("title_separators", ("、", ";", "\n")),
        several_words=table.texts("several_words", ("合并认定", "两门", "多门")),
        fill_down=frozenset(fill_down),
        empty_slot=table.text("empty_slot", "(待接收行填写)"),
        record_id_salt=salt.encode("utf-8"),
        rows_part_max=table.whole("rows_part_max", 1, 50_000, 2_000),
        rows_feed_max=table.whole("rows_feed_max", 1, 50_000, 50_000),
    )
    table.finish()
    return read


def plain_heading(text: str) -> str:
    """A heading without the differences nobody means: width of characters, spaces, line breaks."""
    return "".join(fold(text).split())


def _headings(table: SettingsTable) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    inner = table.table("headings")
    headings: dict[str, tuple[str, ...]] = {}
    by_heading: dict[str, str] = {}
    for column in COLUMNS:
        headings[column] = inner.texts(column, (column,)) or (column,)
        for heading in headings[column]:
            if by_heading.setdefault(plain_heading(heading), column) != column:
                inner.problem(column, "settings.repeated", "同一表头指向两列", "one heading stands for two columns")
    inner.leftovers()
    return headings, by_heading
