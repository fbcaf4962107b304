"""Anhui: the facts of the sample feed, the traps of sheets, ids, and both directions."""

import pytest
from support.anhui import CONFIG, COURSE, HEADER, JUNE, OTHER, ROOT, adapter, codes, course, manifest, read, sheet

from gateway.adapters.anhui.settings import RECORD_COLUMNS
from gateway.adapters.contract import Feed
from gateway.errors import RecordError
from gateway.formats.xlsx_safe import CellKind, XlsxCell
from gateway.formats.xlsx_write import text_cells, write_xlsx
from gateway.model.local import Ignored, LocalLearner, LocalRecord, Operation, PartManifest

SAMPLES = ROOT / "gateway/adapters/anhui/samples"


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


@pytest.mark.parametrize(("word", "problems"), [("转换", {}), ("原始", {}), ("", {}), ("借来", {1: ["record.unknown_code"]})])
def test_column_of_origin_when_there_then_one_of_its_words_or_none(word: str, problems: dict[int, list[str]]) -> None:
    """PR-271."""
    part = adapter().parse(sheet([*COURSE, word], header=[*HEADER, "成果来源"]), manifest(1))
    assert {row.row: [problem.code for problem in row.problems] for row in part.quarantined} == problems
    assert [record.values.get("成果来源", "") for record in part.records] == ([word] if not problems else [])
