"""Integrity flags (学习信誉): what may be said against an outcome, why, and where such a word stands.

Everything is a closed list, with its texts in both languages: an accusation in free words would be personal data that nobody can
lift.  A flag is about one outcome as one learner brought it; who that is stands in no leaf.
Sources of the rules: docs/protocol.md, section 22.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class FlagKind(StrEnum):
    """What is said."""

    REVOKED = "revoked_certificate"
    FRAUD = "confirmed_fraud"
    DUPLICATE = "duplicate_claim"


class FlagState(StrEnum):
    """Where a flag stands.  It counts in every state but the last."""

    FLAGGED = "flagged"
    APPEALED = "appealed"
    UPHELD = "upheld"
    ESCALATED = "escalated"
    CONFIRMED = "confirmed"
    LIFTED = "lifted"


class Said(NamedTuple):
    """One word in both languages."""

    zh: str
    en: str


KINDS: Final[Mapping[FlagKind, Said]] = {
    FlagKind.REVOKED: Said("证书已撤销", "certificate revoked"),
    FlagKind.FRAUD: Said("已证实造假", "confirmed fraud"),
    FlagKind.DUPLICATE: Said("重复主张", "duplicate claim"),
}
STATES: Final[Mapping[FlagState, Said]] = {
    FlagState.FLAGGED: Said("已标记", "flagged"),
    FlagState.APPEALED: Said("申诉中", "appealed"),
    FlagState.UPHELD: Said("标记行维持", "upheld by who set it"),
    FlagState.ESCALATED: Said("已提请轮值单位", "before the presiding unit"),
    FlagState.CONFIRMED: Said("轮值单位维持", "confirmed by the presiding unit"),
    FlagState.LIFTED: Said("已解除", "lifted"),
}
VOIDED: Final = "voided_after_recognition"
DISMISSED: Final = "claim_dismissed"
FLAG_REASONS: Final[Mapping[FlagKind, Mapping[str, Said]]] = {
    FlagKind.REVOKED: {
        "issued_in_error": Said("颁发有误", "issued in error"),
        "withdrawn_by_issuer": Said("颁发机构已撤销", "withdrawn by its issuer"),
    },
    FlagKind.FRAUD: {
        "forged_document": Said("材料系伪造", "the document is forged"),
        "other_person": Said("冒用他人成果", "it is another person's achievement"),
        "exam_misconduct": Said("考试作弊经认定", "misconduct in the examination was established"),
        "authority_finding": Said("主管机关或法院认定", "found by an authority or a court"),
    },
    FlagKind.DUPLICATE: {
        "claimed_twice": Said("同一成果以不同记录重复主张", "one achievement claimed under different records"),
        "number_of_another": Said("所用证书编号属于他人", "the certificate number is another holder's"),
    },
}
"""What a bank may give as its reason, by kind."""
DERIVED_REASONS: Final[Mapping[FlagKind, Mapping[str, Said]]] = {
    FlagKind.REVOKED: {VOIDED: Said("认可之后被转出行作废", "voided by its source bank after it was recognised")},
    FlagKind.DUPLICATE: {DISMISSED: Said("争议裁定不支持此项主张", "the claim was dismissed when a contest was ruled on")},
}
"""Given only where the flag follows from another act."""
APPEAL_REASONS: Final[Mapping[str, Said]] = {
    "not_the_holder": Said("与该学习者无关", "it does not concern this learner"),
    "clerical_error": Said("登记差错", "a clerical error"),
    "not_heard": Said("未经核实或未听取说明", "it was not verified, or nobody was heard"),
    "restored": Said("证书已恢复有效", "the certificate is valid again"),
    "no_answer": Said("标记行逾期未答复", "who set it has not answered in time"),
}
UPHOLD_REASONS: Final[Mapping[str, Said]] = {
    "verified_again": Said("经再次核实无误", "verified again"),
    "nothing_new": Said("申诉没有提出新的事实", "the appeal brings nothing new"),
}
LIFT_REASONS: Final[Mapping[str, Said]] = {
    "appeal_granted": Said("申诉成立", "the appeal is granted"),
    "set_in_error": Said("标记有误", "it was set in error"),
    "restored": Said("证书已恢复有效", "the certificate is valid again"),
}


def flag_reason(kind: str, reason: str) -> Said:
    """The words of a flag's reason, derived ones included."""
    named = FlagKind(kind)
    return {**FLAG_REASONS[named], **DERIVED_REASONS.get(named, {})}[reason]
