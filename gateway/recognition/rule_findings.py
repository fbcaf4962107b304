"""What is wrong with a rule file: every finding with its code and exact place, all at once.

The sentences stand here once; reader and lint name the code and add what is particular to the place.
"""

from collections.abc import Mapping
from typing import Final

from gateway.errors import Problem
from gateway.recognition.rule_places import Path, Places, shown
from gateway.recognition.words import Words

SENTENCES: Final[Mapping[str, Words]] = {
    "recognition.bad_toml": Words("不是合格的 TOML,或文件过大", "not well-formed TOML, or too big"),
    "recognition.unknown_setting": Words("没有这一设置", "there is no such setting"),
    "recognition.missing_setting": Words("缺少此项", "this is missing"),
    "recognition.bad_setting": Words("取值不对", "a wrong value"),
    "recognition.unknown_code": Words("代码不在其代码表中", "the code is not in its table"),
    "recognition.unknown_unit": Words(
        "数量须为学分数,写作文本,不带单位", "an amount is a number of credits, written as text, without a unit"
    ),
    "recognition.repeated_id": Words("标识重复", "an id stands twice"),
    "recognition.bad_cardinality": Words("成果数、课程数或学分数与对应方式不符", "needs, courses or credits do not fit the cardinality"),
    "recognition.points_rule": Words("积分、学时、次数不得转换为学分", "points, hours and sessions are never converted into credits"),
    "recognition.leisure_rule": Words("休闲类成果不得转换为学分", "leisure learning is never converted into credits"),
    "recognition.bad_period": Words("复审日期须晚于生效日期", "the review date must lie after the effective date"),
    "recognition.review_passed": Words("复审日期已过", "the review date has passed"),
    "recognition.unknown_group": Words("没有这个组", "there is no such group"),
    "recognition.unused_group": Words("没有规则属于该组", "no rule belongs to the group"),
    "recognition.unknown_programme": Words("没有这个专业,或不是接收行的", "there is no such programme of the accepting bank"),
    "recognition.unknown_course": Words("所适用的专业中没有这门课程", "no programme of this rule set has such a course"),
    "recognition.unknown_catalogue_entry": Words("目录中没有这个条目", "the catalogue has no such entry"),
    "recognition.expired_catalogue_entry": Words(
        "目录条目在生效日不可用(过期、逾期未复审或未启用)", "the catalogue entry cannot be used on the effective date"
    ),
    "recognition.credits_over_catalogue": Words("学分多于目录条目核定的学分", "more credits than the catalogue entry fixes"),
    "recognition.impossible_cap": Words("上限不可能起到所写的作用", "a cap that can never do what it says"),
    "recognition.contradictory_rules": Words(
        "两条规则条件、优先级相同而结果不同", "two rules with the same needs and priority and different results"
    ),
    "recognition.overlapping_rules": Words(
        "两条同优先级的规则可能涉及同一成果和课程而结果不同",
        "two rules of one priority may meet one record and course with different results",
    ),
    "recognition.too_many_meetings": Words(
        "涉及同一课程、同一成果的规则过多,无法逐对检查", "too many rules speak of the same course and record to compare them all"
    ),
    "recognition.shadowed_rule": Words("该规则永远轮不到使用", "the rule can never be used"),
}


class Findings:
    """Collects problems of one file."""

    def __init__(self, name: str, places: Places) -> None:
        self.name = name
        self.places = places
        self.problems: list[Problem] = []

    def add(self, path: Path, code: str, zh: str = "", en: str = "", *, rule: str = "") -> None:
        """`zh`, `en` add what is particular; `rule` is the id of the rule where there is one."""
        sentence = SENTENCES[code]
        where = f"{self.name}:{self.places.line(path)}: {shown(path)}" + (f" ({rule})" if rule else "")
        self.problems.append(
            Problem(where, code, f"{sentence.zh}:{zh}" if zh else sentence.zh, f"{sentence.en}: {en}" if en else sentence.en)
        )
