"""Anhui: what `split` and `render` make of a sheet."""

import csv
import io
from dataclasses import replace

import pytest
from support.anhui import CONFIG, COURSE, HEADER, JUNE, OTHER, adapter, codes, course, manifest, read, sheet

from gateway.adapters.anhui.settings import RECORD_COLUMNS, read_settings
from gateway.adapters.contract import Feed
from gateway.errors import FormatError, RecordError, SettingsError
from gateway.formats.xlsx_safe import CellKind, read_xlsx
from gateway.model.local import LocalLearner, LocalPart, LocalRecord, Operation, PartManifest


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
