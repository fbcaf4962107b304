"""Names of achievement kinds as sentences use them; a test compares them with the code table."""

from collections.abc import Mapping
from typing import Final

from gateway.model.regional import Kind
from gateway.recognition.words import Words

KINDS: Final[Mapping[str, Words]] = {
    Kind.COURSE: Words("学历课程", "course of a degree programme"),
    Kind.SELF_EXAM: Words("高等教育自学考试课程", "self-study examination course"),
    Kind.SKILL_CERT: Words("职业技能等级证书", "vocational skill level certificate"),
    Kind.QUAL_CERT: Words("职业资格证书", "vocational qualification certificate"),
    Kind.TRAINING: Words("培训", "training"),
    Kind.COMMUNITY: Words("社区教育、老年教育", "community and senior education"),
    Kind.MOOC: Words("在线开放课程", "open online course"),
    Kind.AWARD: Words("竞赛与业绩", "competition or award"),
    Kind.WORK: Words("工作经历", "work experience"),
}
