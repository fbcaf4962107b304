"""Everything that can be wrong with a catalogue: one table of stable codes and their words.

A problem names its place as `table:row:column` (row as in the file: a line of CSV, a row of the sheet, a
1-based number in JSON) and never repeats what the cell holds.
"""

from typing import Final

from gateway.errors import CatalogueError, Problem

PROBLEMS_MAX: Final = 500
"""A file of nonsense would otherwise fill the memory with complaints; one last problem says that there are more."""

WORDS: Final[dict[str, tuple[str, str]]] = {
    "catalogue.bad_cell": ("单元格不是普通的文本、数字或日期", "the cell is not a plain text, number or date"),
    "catalogue.bad_date": ("应为日期 YYYY-MM-DD", "wants a date as YYYY-MM-DD"),
    "catalogue.bad_flag": ("应为 是 或 否", "wants true or false"),
    "catalogue.bad_id": (
        "编号须为字母、数字、点、横线,不超过 64 个",
        "an id is made of letters, digits, dots and dashes, 64 at most",
    ),
    "catalogue.bad_json": ("不是目录的 JSON 文档", "not the JSON document of a catalogue"),
    "catalogue.bad_list": ("列表项为空、重复或写法有误", "an item of the list is empty, repeated or not in its form"),
    "catalogue.bad_number": ("数字有误或超出范围", "not a number in the permitted range"),
    "catalogue.bad_query": ("查询为空或过长,或所要条数超出范围", "the query is empty or too long, or the limit out of range"),
    "catalogue.bad_text": ("文本含控制字符或换行", "the text holds control characters or line breaks"),
    "catalogue.cap_over_total": ("类别上限高于毕业学分", "a category's cap is above the credits to graduate"),
    "catalogue.circle": ("先修课程成环", "prerequisites form a circle"),
    "catalogue.credits_differ": ("学分与标准课程不一致", "the credits differ from the standard course's"),
    "catalogue.demo_label": ("演示条目须在名称或备注中写明「演示」", "a demonstration entry says so (演示) in its title or note"),
    "catalogue.demo_mixed": ("演示条目与正式条目不得混在一个目录", "demonstration and real entries do not share a catalogue"),
    "catalogue.duplicate_entry": ("同一编号与版本出现两次", "one id and version stands twice"),
    "catalogue.expired": ("条目已过有效期,不得使用", "the entry is past its period and may not be used"),
    "catalogue.formula": ("单元格是公式,须改为值", "the cell is a formula; give its value"),
    "catalogue.level_without_scheme": (
        "技能等级须与编号规则同时给出;无技能等级的证书用等级原文",
        "a skill level needs its numbering scheme; a certificate without one gives its level as text",
    ),
    "catalogue.merged_cells": ("工作表有合并单元格", "the sheet has merged cells"),
    "catalogue.missing_column": ("缺少必需的列", "a required column is missing"),
    "catalogue.missing_table": ("缺少表格", "a table is missing"),
    "catalogue.more_problems": ("问题过多,其余不再列出", "there are more problems than are listed"),
    "catalogue.never_academic": ("休闲与社区学习不得折算为学历学分", "leisure and community learning never becomes academic credit"),
    "catalogue.no_chair": ("评议组须恰有一名组长(chair)", "a panel has exactly one chair"),
    "catalogue.no_dossier": ("有效条目须有专家评议档案", "an active entry needs a panel's dossier"),
    "catalogue.no_header": ("没有表头", "there is no header row"),
    "catalogue.not_active": ("条目不在用(草案、暂停或撤销)", "the entry is not active: a draft, suspended or withdrawn"),
    "catalogue.not_carried": ("专家评议未通过,不得据以认定", "the panel did not carry it, so nothing may rest on it"),
    "catalogue.not_yet_valid": ("条目尚未生效", "the entry is not yet valid"),
    "catalogue.one_head": ("目录说明须恰有一行", "the table `catalogue` has exactly one row"),
    "catalogue.nothing_to_draft": ("没有可生成规则的条目", "nothing rests on it that a rule could be drafted from"),
    "catalogue.over_course": ("学分高于标准课程", "more credits than the standard course has"),
    "catalogue.over_dossier": ("学分高于专家建议", "more credits than the panel proposed"),
    "catalogue.period": ("起止日期颠倒", "the period ends before it begins"),
    "catalogue.periods_overlap": ("同一编号的两个有效版本期间重叠", "two active versions of one id overlap in time"),
    "catalogue.repeated_column": ("列名重复", "a column stands twice"),
    "catalogue.required": ("必填项为空", "a required value is missing"),
    "catalogue.resident_over_total": ("本行最低学分高于毕业学分", "the resident minimum is above the credits to graduate"),
    "catalogue.review_outside": ("复审日期不在有效期内", "the review date lies outside the period"),
    "catalogue.review_overdue": ("条目已过复审日期,不得使用", "the entry is past its review date and may not be used"),
    "catalogue.row_width": ("单元格数与表头不符", "the row has more cells than the header"),
    "catalogue.sum_differs": ("各课程学分之和与总学分不符", "the courses' credits do not add up to the total"),
    "catalogue.table_twice": ("同一表格给出两次", "one table was given twice"),
    "catalogue.text_too_long": ("文本过长", "the text is too long"),
    "catalogue.too_many_rows": ("行数过多", "there are too many rows"),
    "catalogue.unknown_category": ("培养方案没有此类别的课程", "the programme has no course of this category"),
    "catalogue.unknown_code": ("代码不在区域标准的代码表中", "the code is not in the standard's table"),
    "catalogue.unknown_column": ("没有此列", "there is no such column"),
    "catalogue.unknown_course": ("没有此标准课程", "there is no such standard course"),
    "catalogue.unknown_dossier": ("没有此评议档案", "there is no such dossier"),
    "catalogue.unknown_entry": ("目录中没有此条目", "the catalogue has no such entry"),
    "catalogue.unknown_programme": ("没有此培养方案", "there is no such programme"),
    "catalogue.unknown_table": ("没有此表格", "there is no such table"),
    "catalogue.unknown_word": ("不是允许的取值", "not one of the permitted words"),
    "catalogue.votes_differ": ("票数之和与评议组人数不符", "the votes do not add up to the panel's members"),
}


def words(code: str) -> tuple[str, str]:
    """Chinese and English of a code."""
    return WORDS[code]


def problem(path: str, code: str) -> Problem:
    """One thing wrong at one place."""
    zh, en = WORDS[code]
    return Problem(path, code, zh, en)


def at(table: str, row: int, column: str, code: str) -> Problem:
    """A problem in a file: `courses:7:credits`, or `courses:7` where it is the row's."""
    return problem(":".join(part for part in (table, str(row), column) if part), code)


def invalid(problems: list[Problem]) -> CatalogueError:
    """All of them at once, as far as anyone reads."""
    shown = problems[:PROBLEMS_MAX]
    if len(problems) > PROBLEMS_MAX:
        shown.append(problem("", "catalogue.more_problems"))
    return CatalogueError(
        "catalogue.invalid",
        "目录有误,未作任何改动",
        "the catalogue is wrong; nothing was changed",
        problems=tuple(shown),
        count=len(problems),
    )
