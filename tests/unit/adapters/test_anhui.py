"""Anhui: the facts of the sample feed, the traps of sheets, ids, and both directions."""

import csv
import io
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.adapters.anhui.adapter import AnhuiAdapter
from gateway.adapters.anhui.settings import RECORD_COLUMNS, read_settings
from gateway.adapters.contract import Feed
from gateway.errors import FormatError, RecordError, SettingsError
from gateway.formats.csv_safe import write_csv
from gateway.formats.xlsx_safe import CellKind, XlsxCell, read_xlsx
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.model.local import Ignored, LocalLearner, LocalPart, LocalRecord, Operation, PartManifest

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "gateway/adapters/anhui/samples"
CONFIG = tomllib.loads((ROOT / "config/regions/anhui.toml").read_text("utf-8"))["adapter"]
JUNE = PartManifest("2023-06")
HEADER = [
    "序号",
    "姓名",
    "身份证号",
    "所在单位",
    "成果名称",
    "成果类型",
    "课时(理论+实践)",
    "学分",
    "成绩",
    "发证单位",
    "证书编号",
    "取得时间",
    "备注",
]
COURSE = [
    "1",
    "陆明远",
    "340111199003072151",
    "合肥示例学院",
    "会计学基础",
    "学历课程",
    "64(48+16)",
    "3.5",
    "良好",
    "示例园区",
    "",
    "2023年6月",
    "",
]
OTHER = "340104198511021280"


def adapter(**changes: object) -> AnhuiAdapter:
    return AnhuiAdapter(read_settings(CONFIG | changes))


def manifest(rows: int) -> PartManifest:
    return PartManifest("2023-06", {row: f"AH-{row}" for row in range(1, rows + 1)})


def sheet(*rows: list[str], header: list[str] = HEADER) -> bytes:
    return write_csv([header, *rows], encoding="gb18030")


def course(**cells: str) -> list[str]:
    """The course row with some cells changed, by column."""
    names = [heading.split("(", maxsplit=1)[0] for heading in HEADER]
    return [cells.get(name, cell) for name, cell in zip(names, COURSE, strict=True)]


def read(*rows: list[str], header: list[str] = HEADER) -> LocalPart:
    return adapter().parse(sheet(*rows, header=header), manifest(len(rows)))


def codes(part: LocalPart | Feed) -> dict[int, list[str]]:
    return {row.row: [problem.code for problem in row.problems] for row in part.quarantined}


def ah() -> Feed:
    return adapter().split((SAMPLES / "feed/ah.csv").read_bytes(), JUNE, {})


# -- the sample feed --


def test_sample_feed_when_split_then_one_accepted_four_quarantined_one_ignored() -> None:
    feed = ah()
    assert feed.rows_read == 6
    assert [part.rows for part in feed.parts] == [(1,)]
    assert codes(feed) == {
        2: ["record.several_achievements"],
        3: ["record.lost_digits"],
        4: ["record.identity_conflict"],
        5: ["record.bad_check_digit", "record.impossible_date"],
    }
    assert feed.ignored == (Ignored(6, "totals_row"),)
    assert feed.warnings == ("identity_conflict_warning", "totals_differ")


def test_sample_feed_when_its_part_is_parsed_then_the_record_in_the_banks_words() -> None:
    piece = ah().parts[0]
    part = adapter().parse(piece.content, piece.manifest)
    assert piece.learner_key == "340111197906155039"
    assert piece.media_type == "text/csv"
    assert part.learner == LocalLearner("", "340111197906155039", None, "王强")
    assert part.values == {"姓名": "王强", "身份证号": "340111197906155039", "所在单位": "合肥××职业学院继教院", "期间": "2023-06"}
    assert part.quarantined == part.ignored == part.warnings == ()
    assert part.records == (
        LocalRecord(
            piece.manifest.ids[1],
            Operation.DEPOSIT,
            1,
            "row",
            {
                "序号": "1",
                "成果名称": "会计学基础",
                "成果类型": "学历课程",
                "课时": "64(48+16)",
                "学分": "3.5学分",
                "成绩": "良好",
                "发证单位": "安徽继续教育网络园区",
                "证书编号": "",
                "取得时间": "2023年6月",
                "备注": "",
            },
            ("identity_conflict_warning",),
        ),
    )


def test_sample_feed_when_parsed_whole_then_the_same_rows_add_up() -> None:
    part = adapter().parse((SAMPLES / "feed/ah.csv").read_bytes(), PartManifest("2023-06", {1: "AH-1"}))
    assert (part.rows_read, [record.row for record in part.records], sorted(codes(part))) == (6, [1], [2, 3, 4, 5])
    assert codes(part) == codes(ah())
    assert part.warnings == ("totals_differ",)


def test_workbook_feed_when_split_then_parts_are_workbooks_and_merged_cells_are_filled() -> None:
    feed = adapter().split((SAMPLES / "feed/month.xlsx").read_bytes(), JUNE, {})
    assert [(part.learner_key, part.rows) for part in feed.parts] == [("340111199003072151", (1, 2)), (OTHER, (3,))]
    assert codes(feed) == {4: ["record.lost_digits"]}
    assert feed.ignored == (Ignored(5, "totals_row"),)
    part = adapter().parse(feed.parts[0].content, feed.parts[0].manifest)
    assert [record.values["取得时间"] for record in part.records] == ["2023-06-30", "2023-06-30"]
    assert [record.issues for record in part.records] == [(), ("excel_serial_date",)]


# -- persons --


def test_continued_row_when_its_head_stays_behind_then_the_part_names_the_person() -> None:
    feed = adapter().split(sheet(course(学分="多"), course(序号="", 姓名="", 身份证号="", 所在单位="", 成果名称="税务基础")), JUNE, {})
    assert codes(feed) == {1: ["record.bad_credits"]}
    part = adapter().parse(feed.parts[0].content, feed.parts[0].manifest)
    assert (part.learner.citizen_id, part.values["所在单位"], part.records[0].values["成果名称"]) == (
        "340111199003072151",
        "合肥示例学院",
        "税务基础",
    )


def test_continued_row_when_after_a_totals_line_or_a_blank_then_it_is_nobodys() -> None:
    loose = course(姓名="", 身份证号="")
    for between in (["合计", *[""] * 12], [""] * 13):
        assert codes(read(COURSE, between, loose)) == {3: ["record.no_person"]}


def test_continued_row_when_its_head_has_no_readable_number_then_kept_back_with_it() -> None:
    assert codes(read(course(身份证号="3.40111E+17"), course(姓名="", 身份证号=""))) == {
        1: ["record.lost_digits"],
        2: ["record.lost_digits"],
    }


@pytest.mark.parametrize("first", ["340111197906155039", "340111790615503"])
def test_one_number_under_two_names_when_no_side_has_more_evidence_then_both_are_kept_back(first: str) -> None:
    part = read(course(姓名="王强", 身份证号=first), course(姓名="孙 刚", 身份证号=first))
    assert codes(part) == {1: ["record.identity_conflict"], 2: ["record.identity_conflict"]}
    assert part.learner == LocalLearner("")


def test_one_number_when_the_names_differ_in_spacing_width_or_dot_only_then_one_person() -> None:
    part = read(course(姓名="买买提·艾力"), course(姓名="买买提•艾 力"), course(姓名="买买提・艾力", 成果名称="导论"))
    assert len(part.records) == 3
    assert part.learner.name == "买买提·艾力"
    assert [record.issues for record in part.records] == [(), ("name_middle_dot", "name_spacing"), ("name_middle_dot",)]


def test_number_when_full_width_spaced_or_lower_case_then_normalised_and_flagged() -> None:
    part = read(course(身份证号="３４０１０１ 19780405 009x"))
    assert part.learner.citizen_id == "34010119780405009X"
    assert part.values["身份证号"] == "３４０１０１ 19780405 009x"
    assert part.records[0].issues == ("id_normalised",)


def test_several_learners_when_in_a_part_then_refused_and_in_a_feed_then_cut() -> None:
    content = sheet(COURSE, course(姓名="李䶮", 身份证号=OTHER))
    with pytest.raises(RecordError, match=r"record\.several_learners"):
        adapter().parse(content, manifest(2))
    assert [part.learner_key for part in adapter().split(content, JUNE, {}).parts] == ["340111199003072151", OTHER]


def test_unit_when_it_differs_between_rows_then_kept_with_the_record() -> None:
    part = read(COURSE, course(所在单位="芜湖示例公司"))
    assert (part.values["所在单位"], part.records[0].values.get("所在单位"), part.records[1].values["所在单位"]) == (
        "合肥示例学院",
        None,
        "芜湖示例公司",
    )


def test_empty_slot_when_in_a_part_then_read_and_in_a_feed_then_missing() -> None:
    slot = CONFIG["empty_slot"]
    content = sheet(course(姓名=slot, 身份证号=slot))
    part = adapter().parse(content, manifest(1))
    assert (part.learner, part.values["姓名"], part.values["身份证号"], len(part.records)) == (LocalLearner(""), "", "", 1)
    assert codes(adapter().split(content, JUNE, {})) == {1: ["record.missing"]}


# -- rows --


def test_row_when_several_things_are_wrong_then_all_are_named() -> None:
    part = read(course(身份证号="340111198802305025", 课时="约", 学分="-1", 成绩="还行", 取得时间="2023/13", 成果名称=""))
    assert [(problem.path, problem.code) for problem in part.quarantined[0].problems] == [
        ("row 1/身份证号", "record.impossible_date"),
        ("row 1/成果名称", "record.missing"),
        ("row 1/课时", "record.bad_hours"),
        ("row 1/学分", "record.bad_credits"),
        ("row 1/成绩", "record.unknown_grade"),
        ("row 1/取得时间", "record.bad_date"),
    ]


def test_problems_when_shown_then_hold_no_value_of_the_row() -> None:
    part = read(course(身份证号="340111198802305025", 成绩="秘密甲", 学分="秘密乙"))
    shown = repr(part.quarantined)
    assert not any(secret in shown for secret in ("340111198802305025", "秘密", "陆明远"))


def test_title_when_it_lists_names_but_nothing_says_several_then_one_course() -> None:
    assert len(read(course(成果名称="毛泽东思想、邓小平理论概论")).records) == 1


@pytest.mark.parametrize(("hours", "remark"), [("32+32", ""), ("64", "两门合并认定"), ("16+16+16", "多门")])
def test_title_when_the_hours_or_the_remark_say_several_then_asked_about(hours: str, remark: str) -> None:
    assert codes(read(course(成果名称="出纳实务、税务基础", 课时=hours, 备注=remark)))[1][0] == "record.several_achievements"


def test_sessions_when_given_then_kept_as_written_and_never_hours() -> None:
    assert read(course(课时="12次")).records[0].values["课时"] == "12次"


def test_serial_date_when_in_csv_then_the_configured_date_system_reads_it() -> None:
    content = sheet(course(取得时间="45107"))
    part, mac = adapter().parse(content, manifest(1)), adapter(csv_epoch_1904=True).parse(content, manifest(1))
    assert (part.records[0].values["取得时间"], part.records[0].issues) == ("2023-06-30", ("excel_serial_date",))
    assert (mac.records[0].values["取得时间"], mac.records[0].issues) == ("2027-07-01", ("excel_1904_date_system", "excel_serial_date"))


def test_serial_date_when_in_a_workbook_then_the_workbooks_own_flag_reads_it() -> None:
    row = [*text_cells(COURSE[:11]), XlsxCell("45107", CellKind.NUMBER)]
    days = [
        adapter().parse(write_xlsx([text_cells(HEADER), row], epoch1904=flag), manifest(1)).records[0].values["取得时间"]
        for flag in (False, True)
    ]
    assert days == ["2023-06-30", "2027-07-01"]


@pytest.mark.parametrize(("number", "value"), [("20230630", "20230630"), ("2023", "2023"), ("45107.5", "2023-06-30")])
def test_date_when_stored_as_a_number_then_read_where_nothing_can_be_lost(number: str, value: str) -> None:
    row = [*text_cells(COURSE[:11]), XlsxCell(number, CellKind.NUMBER)]
    assert adapter().parse(write_xlsx([text_cells(HEADER), row]), manifest(1)).records[0].values["取得时间"] == value


def test_text_when_forced_by_a_string_formula_then_the_text() -> None:
    assert read(course(身份证号='="340111199003072151"')).learner.citizen_id == "340111199003072151"


def test_private_use_character_when_in_a_name_then_flagged() -> None:
    assert read(course(姓名="陆\ue815")).records[0].issues == ("private_use_character",)


def test_control_character_when_in_a_cell_then_quarantined() -> None:
    assert codes(read(course(备注="a\x0bb"))) == {1: ["record.control_character"]}


def test_spreadsheet_error_when_exported_to_csv_then_quarantined() -> None:
    assert codes(read(course(姓名="#REF!"))) == {1: ["record.fault_cell"]}


# -- headers, totals, ignored rows --


def test_headings_when_spelt_otherwise_then_read_by_alias_and_said_so() -> None:
    header = [{"课时(理论+实践)": "学 时", "取得时间": "发证日期"}.get(heading, heading) for heading in HEADER]
    part = read(COURSE, header=header)
    assert (part.records[0].values["课时"], part.records[0].values["取得时间"]) == ("64(48+16)", "2023年6月")
    assert part.warnings == ("header_alias_used",)


def test_unknown_column_when_filled_then_kept_under_its_heading() -> None:
    part = read([*COURSE, "黄山"], [*course(成果名称="导论"), ""], header=[*HEADER, "地市"])
    assert [record.values.get("地市") for record in part.records] == ["黄山", None]


def test_optional_columns_when_absent_then_their_values_are_empty() -> None:
    keep = [at for at, heading in enumerate(HEADER) if heading not in ("序号", "所在单位", "证书编号", "备注")]
    part = read([COURSE[at] for at in keep], header=[HEADER[at] for at in keep])
    assert tuple(part.records[0].values) == RECORD_COLUMNS
    assert (part.records[0].values["备注"], part.values["所在单位"]) == ("", "")


def test_header_when_missing_columns_then_all_are_named() -> None:
    with pytest.raises(RecordError) as caught:
        read(["1"] * 3, header=["姓名", "身份证号", "成果名称"])
    assert [problem.path for problem in caught.value.problems] == ["成果类型", "课时", "学分", "成绩", "发证单位", "取得时间"]


@pytest.mark.parametrize(("total", "differs"), [("7", False), ("7.0", False), ("7.5", True), ("", False), ("?", False)])
def test_totals_line_when_it_has_credits_then_compared_with_all_data_lines(total: str, differs: bool) -> None:
    totals = ["合 计", *[""] * 6, total, *[""] * 5]
    part = read(COURSE, course(成果名称="导论", 成绩="还行"), totals)
    assert part.ignored == (Ignored(3, "totals_row"),)
    assert ("totals_differ" in part.warnings) is differs


def test_subtotals_and_repeated_headers_and_blanks_when_between_rows_then_ignored_by_name() -> None:
    part = read(COURSE, ["小计", *[""] * 6, "99", *[""] * 5], HEADER, [""] * 13, COURSE)
    assert part.ignored == (Ignored(2, "totals_row"), Ignored(3, "repeated_header"), Ignored(4, "blank_row"))
    assert (part.rows_read, len(part.records), part.warnings) == (5, 2, ())


# -- ids and the manifest --


def test_ids_when_the_manifest_lacks_or_repeats_one_then_quarantined() -> None:
    content = sheet(COURSE, course(成果名称="导论"), course(成果名称="概论"))
    part = adapter().parse(content, PartManifest("2023-06", {1: "A", 2: "A"}))
    assert codes(part) == {1: ["record.ambiguous_id"], 2: ["record.ambiguous_id"], 3: ["record.no_stable_id"]}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (PartManifest("2023-6"), "record.bad_period"),
        (PartManifest("2023-13"), "record.bad_period"),
        (PartManifest("2023-06", {2: "A"}), "record.manifest_mismatch"),
        (PartManifest("2023-06", {0: "A"}), "record.manifest_mismatch"),
        (PartManifest("2023-06", {1: "A"}, {1: ("invented",)}), "record.manifest_mismatch"),
    ],
)
def test_manifest_when_it_does_not_fit_then_refused(wrong: PartManifest, code: str) -> None:
    with pytest.raises(RecordError) as caught:
        adapter().parse(sheet(COURSE), wrong)
    assert caught.value.code == code


def ids_of(feed: Feed) -> dict[str, str]:
    """Learner and title to record id."""
    found = {}
    for piece in feed.parts:
        for record in adapter().parse(piece.content, piece.manifest).records:
            found[f"{piece.learner_key}/{record.values['成果名称']}"] = record.record_id
    return found


def test_ids_when_the_feed_is_cut_again_reordered_and_corrected_then_the_same() -> None:
    other = course(姓名="李䶮", 身份证号=OTHER)
    first = ids_of(adapter().split(sheet(COURSE, course(成果名称="导论"), other), JUNE, {}))
    corrected = course(成果名称="导论", 成绩="91/100", 学分="4学分", 备注="更正", 取得时间="２０２３年６月")
    again = ids_of(adapter().split(sheet(other, corrected, COURSE), PartManifest("2023-07"), {}))
    assert first == again
    assert len(set(first.values())) == 3


def test_ids_when_another_salt_then_others_and_nothing_of_the_person_shows() -> None:
    first = ids_of(adapter().split(sheet(COURSE), JUNE, {}))
    second = ids_of(adapter(record_id_salt="another salt altogether").split(sheet(COURSE), JUNE, {}))
    assert set(first.values()).isdisjoint(second.values())
    assert all(identifier.startswith("AH") and len(identifier) == 26 for identifier in first.values())


def test_ids_when_the_caller_knows_one_then_reused() -> None:
    keys = adapter().split(sheet(COURSE), JUNE, {}).parts[0].natural_keys
    feed = adapter().split(sheet(COURSE), JUNE, {keys[1]: "GIVEN-BEFORE"})
    assert feed.parts[0].manifest.ids == {1: "GIVEN-BEFORE"}


def test_ids_when_two_rows_are_the_same_achievement_then_both_are_kept_back() -> None:
    feed = adapter().split(sheet(COURSE, course(成绩="优秀"), course(成果名称="导论")), JUNE, {})
    assert codes(feed) == {1: ["record.ambiguous_id"], 2: ["record.ambiguous_id"]}
    assert [part.rows for part in feed.parts] == [(3,)]


# -- writing --


@pytest.mark.parametrize("form", ["csv-gb18030", "csv-utf8-bom", "xlsx"])
def test_rendering_when_parsed_again_then_the_same_part(form: str) -> None:
    part = replace(
        read([*COURSE, "黄山"], [*course(成果名称="=1+1", 备注="'撇号", 所在单位="芜湖"), ""], header=[*HEADER, "地市"]), warnings=()
    )
    content = adapter(render_as=form).render(part)
    assert adapter().parse(content, manifest(2)) == part


def test_rendering_when_a_cell_would_be_run_then_no_formula_is_carried() -> None:
    part = read(course(成果名称="=HYPERLINK(1)", 备注="@SUM(A1)"))
    rows = list(csv.reader(io.StringIO(adapter().render(part).decode("gb18030"), newline="")))
    assert (rows[1][4], rows[1][2], rows[1][12]) == ("'=HYPERLINK(1)", "'340111199003072151", "'@SUM(A1)")
    workbook = read_xlsx(adapter(render_as="xlsx").render(part))
    assert {cell.kind for row in workbook.rows for cell in row} <= {CellKind.TEXT, CellKind.EMPTY}
    assert not any(cell.formula for row in workbook.rows for cell in row)


def test_feed_when_it_carries_a_formula_then_its_parts_do_not() -> None:
    content = ",".join(HEADER) + "\r\n" + ",".join(course(成果名称="=1+1")) + "\r\n"
    part = adapter().split(content.encode("gb18030"), JUNE, {}).parts[0]
    assert ",'=1+1," in part.content.decode("gb18030")


def local(**values: str) -> LocalPart:
    names = dict(zip(RECORD_COLUMNS, "1 会计学基础 学历课程 64 4 良好 示例大学 - 2023-07-05 -".replace("-", "").split(" "), strict=True))
    names["取得时间"] = "2023-07-05"
    record = LocalRecord("X", Operation.DEPOSIT, 1, "row", names | values)
    return LocalPart("anhui", "1", LocalLearner(""), {}, (record,))


def test_rendering_when_the_learner_is_known_only_from_elsewhere_then_written_from_there_else_as_an_empty_slot() -> None:
    known = replace(local(), learner=LocalLearner("", OTHER, None, "李䶮"))
    assert adapter().parse(adapter().render(known), manifest(1)).learner == known.learner
    assert adapter().parse(adapter().render(local()), manifest(1)).learner == LocalLearner("")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"成绩": "86"}, "record.grade_without_scale"),
        ({"取得时间": "2023-02-30"}, "record.bad_date"),
        ({"成果名称": ""}, "record.missing"),
        ({"坏.名": "x"}, "record.field_name"),
    ],
)
def test_rendering_when_the_format_cannot_say_it_then_refused(values: dict[str, str], code: str) -> None:
    with pytest.raises(RecordError) as caught:
        adapter().render(local(**values))
    assert caught.value.code == code


def test_rendering_when_a_record_would_be_read_as_a_header_then_refused() -> None:
    part = local(**{column: CONFIG["headings"][column][0] for column in RECORD_COLUMNS})
    person = {column: CONFIG["headings"][column][0] for column in ("姓名", "身份证号", "所在单位")}
    with pytest.raises(RecordError, match=r"record\.unwritable"):
        adapter().render(replace(part, values=person))


def test_rendering_when_a_cancellation_then_refused() -> None:
    part = local()
    with pytest.raises(RecordError, match=r"record\.no_cancel"):
        adapter().render(replace(part, records=(replace(part.records[0], operation=Operation.CANCEL),)))


# -- bounds and settings --


def test_rows_when_more_than_a_part_may_have_then_refused() -> None:
    with pytest.raises(FormatError, match=r"format\.too_many_rows"):
        adapter(rows_part_max=2).parse(sheet(*[COURSE] * 10), PartManifest())


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"record_id_salt": "short"}, "record_id_salt"),
        ({"render_as": "ods"}, "render_as"),
        ({"fill_down": ["无此列"]}, "fill_down"),
        ({"invented": 1}, "invented"),
        ({"headings": {"姓名": ["名"], "备注": ["名"]}}, "备注"),
        ({"headings": {"无此列": ["x"]}}, "无此列"),
    ],
)
def test_settings_when_wrong_then_named(changes: dict[str, object], place: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(CONFIG | changes)
    assert any(problem.path.endswith(place) for problem in caught.value.problems)


def test_digest_when_asked_then_never_matches() -> None:
    assert not adapter().digest_matches(OTHER, "sm3:" + "0" * 64)
