"""The columns of every table, once: names, Chinese headings, forms, which may be empty, which take a code.

Reader, writer, checks and documentation all go by this; a test compares it with the dataclasses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.recognition import catalogue_cells as cells
from gateway.recognition.catalogue import (
    CertificateRelation,
    CourseDescription,
    Criterion,
    Dossier,
    Head,
    ProgrammeCourse,
    ProgrammeEntry,
    StandardCourse,
    Table,
)
from gateway.recognition.catalogue_cells import Form


@dataclass(frozen=True, slots=True)
class Column:
    """`codes` names the code set of the standard that every value must be in."""

    name: str
    zh: str
    form: Form
    required: bool = True
    codes: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One table: what a row becomes, and its columns in their order."""

    table: Table
    zh: str
    row: type[Any]
    columns: tuple[Column, ...]
    required: bool = False


def _demo() -> tuple[Column, Column]:
    return Column("demo", "演示数据", cells.FLAG), Column("note", "备注", cells.LONG, required=False)


def _entry(*own: Column, credits_zh: str = "学分", evaluated: bool = True) -> tuple[Column, ...]:
    """An entry's columns around a table's own."""
    return (
        Column("id", "编号", cells.ID),
        Column("version", "版本", cells.VERSION),
        Column("title", "名称", cells.TITLE),
        *own,
        Column("credits", credits_zh, cells.CREDITS),
        Column("valid_from", "生效日期", cells.DATE),
        Column("valid_until", "失效日期", cells.DATE),
        Column("review_on", "复审日期", cells.DATE),
        Column("status", "状态", cells.STATUS),
        *((Column("dossier", "评议档案", cells.ID_OR_NONE, required=False),) if evaluated else ()),
        *_demo(),
    )


_AGE: Final = Column("age_years_max", "成果年限", cells.OPTIONAL_COUNT, required=False)
_EXAM: Final = Column("exam_required", "免修不免考", cells.FLAG)
_SIMILAR: Final = Column("similar_group", "同类组", cells.ID_OR_NONE, required=False)
_SCHEME: Final = Column("scheme", "编号规则", cells.TITLE, required=False, codes="certificate_scheme")
_SKILL: Final = Column("skill_level", "技能等级", cells.TITLE, required=False, codes="skill_level")
_BAND: Final = Column("grade_min", "最低等第", cells.OPTIONAL_BAND, required=False)

LAYOUTS: Final[Mapping[Table, Layout]] = {
    layout.table: layout
    for layout in (
        Layout(
            Table.HEAD,
            "目录说明",
            Head,
            (
                Column("id", "编号", cells.ID),
                Column("version", "版本", cells.TITLE),
                Column("title", "名称", cells.TITLE),
                Column("title_en", "英文名称", cells.TITLE, required=False),
                Column("issuer", "发布方", cells.TITLE),
                Column("published_on", "发布日期", cells.DATE),
                *_demo(),
            ),
            required=True,
        ),
        Layout(
            Table.COURSES,
            "标准课程",
            StandardCourse,
            _entry(
                Column("title_en", "英文名称", cells.TITLE, required=False),
                Column("aliases", "别名", cells.TEXTS, required=False),
                Column("subject", "专业", cells.TITLE),
                Column("category", "课程类别", cells.TITLE),
                Column("stage", "教育层次", cells.TITLE, codes="education_stage"),
                Column("level", "区域等级", cells.OPTIONAL_LEVEL, required=False),
                Column("hours", "学时", cells.OPTIONAL_SIZE, required=False),
                Column("content_group", "同内容组", cells.ID_OR_NONE, required=False),
            ),
            required=True,
        ),
        Layout(
            Table.DESCRIPTIONS,
            "课程说明",
            CourseDescription,
            _entry(
                Column("course", "标准课程", cells.ID),
                Column("summary", "简介", cells.LONG),
                Column("outcomes", "学习目标", cells.TEXTS),
                Column("topics", "主要内容", cells.TEXTS),
                Column("assessment", "考核方式", cells.LONG),
                Column("prerequisites", "先修课程", cells.IDS, required=False),
            ),
            required=True,
        ),
        Layout(
            Table.CRITERIA,
            "认定标准",
            Criterion,
            _entry(
                Column("course", "标准课程", cells.ID),
                Column("kind", "成果类别", cells.KIND),
                Column("results", "可认定成果", cells.TEXTS),
                Column("sources", "来源行", cells.IDS, required=False, codes="member"),
                _BAND,
                Column("level_min", "最低区域等级", cells.OPTIONAL_LEVEL, required=False),
                Column("content_min", "内容相关度", cells.OPTIONAL_PERCENT, required=False),
                _AGE,
                _EXAM,
                _SIMILAR,
                credits_zh="可认定学分",
            ),
            required=True,
        ),
        Layout(
            Table.CERTIFICATES,
            "证书与课程对应关系",
            CertificateRelation,
            _entry(
                _SCHEME,
                _SKILL,
                Column("level_text", "等级原文", cells.TITLE, required=False),
                Column("issuer", "颁证机构", cells.TITLE, required=False),
                Column("level", "区域等级", cells.OPTIONAL_LEVEL, required=False),
                Column("courses", "对应课程", cells.SHARES),
                _AGE,
                _EXAM,
                _SIMILAR,
                credits_zh="合计学分",
            ),
            required=True,
        ),
        Layout(
            Table.DOSSIERS,
            "专家评议档案",
            Dossier,
            _entry(
                Column("kind", "成果类别", cells.KIND),
                Column("results", "评议成果", cells.TEXTS),
                _SCHEME,
                _SKILL,
                Column("targets", "目标课程", cells.SHARES),
                _BAND,
                Column("meeting_on", "会议日期", cells.DATE),
                Column("members", "评议组", cells.SEATS),
                Column("votes_for", "赞成", cells.COUNT),
                Column("votes_against", "反对", cells.COUNT),
                Column("votes_abstain", "弃权", cells.COUNT),
                Column("opinion", "评议意见", cells.LONG),
                credits_zh="建议学分",
                evaluated=False,
            ),
            required=True,
        ),
        Layout(
            Table.PROGRAMMES,
            "培养方案",
            ProgrammeEntry,
            _entry(
                Column("accepting", "接收行", cells.ID, codes="member"),
                Column("resident_credits_min", "本行最低学分", cells.CREDITS),
                Column("category_caps", "类别上限", cells.CAPS, required=False),
                credits_zh="毕业学分",
                evaluated=False,
            ),
        ),
        Layout(
            Table.PROGRAMME_COURSES,
            "培养方案课程",
            ProgrammeCourse,
            (
                Column("programme", "培养方案", cells.ID),
                Column("id", "课程代码", cells.ID),
                Column("title", "名称", cells.TITLE),
                Column("credits", "学分", cells.CREDITS),
                Column("category", "课程类别", cells.TITLE),
                Column("standard_course", "标准课程", cells.ID_OR_NONE, required=False),
                *_demo(),
            ),
        ),
    )
}
"""Every table.  The head, the four tables of the standard and the dossiers belong to every catalogue; programmes may be absent."""


def headings(table: Table, *, chinese: bool) -> list[str]:
    """The header row."""
    return [column.zh if chinese else column.name for column in LAYOUTS[table].columns]
