"""The life of a rule set's version: draft, tested, approved, published, expired.

Pure: every step takes what is there and gives the next, or a Refusal.  Storage, envelopes and leaves are the caller's.

    draft → tested → approved → published → expired (when its review date passes)
                 ↘ withdrawn (before publication by its proposer, after it by the accepting bank)

A step counts only for the bytes it was made for: other bytes are a new draft.  Approval takes m of the members; a suspended
member's word does not count, neither when given nor, given earlier, at publication; the proposer alone is never enough,
whatever m is; and the accepting bank, whose rules they are, is the proposer or among those who approve.
Rolling back is publishing the older version anew: its rules as a new version, through the same steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Final

from gateway.errors import Problem
from gateway.model.transfer import Refusal


class RuleState(StrEnum):
    """Where a version stands.  `expired` is told by the day, never stored."""

    DRAFT = "draft"
    TESTED = "tested"
    APPROVED = "approved"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was seen before approval: the lint's findings, and the digest of the simulation's report."""

    digest: str
    findings: int
    simulation: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a rule set.  `digest` is the SHA-256 (hex) of its file; `restores` the version whose rules it brings back.

    `withdrawn` is the day on which a published version was withdrawn: from that day on it does not hold.
    """

    id: str
    version: str
    digest: str
    accepting: str
    effective: date
    review: date
    proposer: str
    state: RuleState = RuleState.DRAFT
    test: Trial | None = None
    approvals: tuple[str, ...] = ()
    restores: str = ""
    withdrawn: date | None = None

    def state_on(self, day: date) -> RuleState:
        """Its state on `day`: a published version expires the day after its review date."""
        return RuleState.EXPIRED if self.state is RuleState.PUBLISHED and day > self.review else self.state

    @property
    def was_published(self) -> bool:
        """Whether it is published, or was before it was withdrawn."""
        return self.state is RuleState.PUBLISHED or self.withdrawn is not None


@dataclass(frozen=True, slots=True)
class Council:
    """Who may approve: the members, True for those suspended now, and how many are needed."""

    suspended: Mapping[str, bool]
    needed: int

    def active(self, member: str) -> bool:
        """A member that is not suspended."""
        return self.suspended.get(member) is False


NOT_A_MEMBER: Final = Refusal("recognition.not_a_member", "不是成员行,无权提出或批准规则", "only a member proposes or approves rules")
SUSPENDED: Final = Refusal(
    "recognition.member_suspended", "被暂停的成员行不得提出、批准或发布规则", "a suspended member neither proposes, approves nor publishes"
)
WRONG_STATE: Final = Refusal(
    "recognition.wrong_rule_state", "规则版本的现状不允许这一步", "the version's present state does not allow this step"
)
VERSION_TAKEN: Final = Refusal("recognition.version_taken", "该版本号已用过", "that version was used before")
OTHER_BYTES: Final = Refusal(
    "recognition.changed_since_test", "规则文件与所测试、所批准的不是同一份", "the file is not the one that was tested or approved"
)
NOT_CLEAN: Final = Refusal("recognition.not_clean", "规则检查尚有问题", "the lint still finds something")
NOT_SIMULATED: Final = Refusal("recognition.not_simulated", "尚未对过去的转移作模拟", "it was not yet simulated against past transfers")
APPROVED_ALREADY: Final = Refusal("recognition.approved_already", "该成员行已批准过", "that member has approved already")
TOO_FEW: Final = Refusal("recognition.too_few_approvals", "有效批准不足", "there are too few approvals that count")
PROPOSER_ALONE: Final = Refusal("recognition.proposer_alone", "仅提出者自己批准不算批准", "the proposer's approval alone is none")
ACCEPTING_ABSENT: Final = Refusal(
    "recognition.accepting_absent", "接收行既非提出者也未批准", "the accepting bank neither proposed nor approved it"
)
RETROACTIVE: Final = Refusal("recognition.retroactive", "生效日期不得早于发布日", "the effective date must not lie before publication")
REVIEW_PASSED: Final = Refusal("recognition.review_passed", "复审日期已过", "the review date has passed")
NOT_YOURS: Final = Refusal(
    "recognition.not_your_version",
    "只有提出者与接收行可以发布;未发布的版本只由提出者撤回,已发布的只由接收行撤回",
    "its proposer and the accepting bank publish; before publication its proposer withdraws it, afterwards the accepting bank",
)
NOT_RESTORED: Final = Refusal(
    "recognition.not_restored", "规则与所说要恢复的版本不同", "the rules are not those of the version they are said to bring back"
)
UNKNOWN_VERSION: Final = Refusal("recognition.unknown_version", "没有发布过这个版本", "no such version was ever published")


def propose(draft: Version, history: Sequence[Version], council: Council) -> Version | Refusal:
    """Begin a version.  `history` holds every version of the same rule set so far."""
    refusal = _stranger(council, draft.proposer)
    if refusal is not None:
        return refusal
    if any((each.id, each.version) == (draft.id, draft.version) for each in history):
        return VERSION_TAKEN
    return replace(draft, state=RuleState.DRAFT, test=None, approvals=())


def mark_tested(version: Version, digest: str, problems: Sequence[Problem], simulation: str) -> Version | Refusal:
    """Record a clean lint and a simulation over the bytes of `digest`."""
    if version.state not in (RuleState.DRAFT, RuleState.TESTED):
        return WRONG_STATE
    if digest != version.digest:
        return OTHER_BYTES
    if problems:
        return NOT_CLEAN
    if not simulation:
        return NOT_SIMULATED
    return replace(version, state=RuleState.TESTED, test=Trial(digest, 0, simulation))


def approve(version: Version, member: str, digest: str, council: Council) -> Version | Refusal:
    """Add a member's approval of the bytes of `digest`; enough of them make the version approved."""
    refusal = _stranger(council, member)
    if refusal is not None:
        return refusal
    if version.state not in (RuleState.TESTED, RuleState.APPROVED):
        return WRONG_STATE
    if digest != version.digest:
        return OTHER_BYTES
    if member in version.approvals:
        return APPROVED_ALREADY
    more = replace(version, approvals=(*version.approvals, member))
    return replace(more, state=RuleState.APPROVED) if standing(more, council) is None else more


def standing(version: Version, council: Council) -> Refusal | None:
    """Why its approvals are not enough now; None when they are.  Members suspended since then do not count."""
    counted = [member for member in version.approvals if council.active(member)]
    if counted and set(counted) <= {version.proposer}:
        return PROPOSER_ALONE
    if not counted or len(counted) < council.needed:
        return TOO_FEW
    return None if version.accepting in {version.proposer, *counted} else ACCEPTING_ABSENT


def publish(version: Version, member: str, digest: str, council: Council, day: date) -> Version | Refusal:
    """Publish an approved version; whole or not at all."""
    refusal = _stranger(council, member) or may_publish(version, member)
    if refusal is not None:
        return refusal
    if digest != version.digest or version.test is None or version.test.digest != digest:
        return OTHER_BYTES
    refusal = standing(version, council)
    if refusal is not None:
        return refusal
    if version.review < day:
        return REVIEW_PASSED
    if version.effective < day:
        return RETROACTIVE
    return replace(version, state=RuleState.PUBLISHED)


def may_publish(version: Version, member: str) -> Refusal | None:
    """Whether this member may try to, in this state."""
    if member not in (version.proposer, version.accepting):
        return NOT_YOURS
    return None if version.state in (RuleState.TESTED, RuleState.APPROVED) else WRONG_STATE


def withdraw(version: Version, member: str, council: Council, day: date) -> Version | Refusal:
    """Take a version back: unpublished its proposer, published the accepting bank.  An expired one has ended by itself."""
    refusal = _stranger(council, member)
    if refusal is not None:
        return refusal
    if member not in ((version.accepting,) if version.was_published else (version.proposer,)):
        return NOT_YOURS
    if version.state_on(day) in (RuleState.WITHDRAWN, RuleState.EXPIRED):
        return WRONG_STATE
    return replace(version, state=RuleState.WITHDRAWN, withdrawn=day if version.was_published else None)


def roll_back(old: str, draft: Version, history: Sequence[Version], council: Council) -> Version | Refusal:
    """Begin a version that brings back the rules of the published version `old`.

    `draft` has its own version name, dates and file; whether the rules are the old ones is seen by comparing the two files.
    """
    if not any(each.version == old and each.id == draft.id and each.was_published for each in history):
        return UNKNOWN_VERSION
    return propose(replace(draft, restores=old), history, council)


def in_force(history: Sequence[Version], day: date) -> Version | None:
    """Of the published versions the one that took effect last, if it is not past its review nor withdrawn.

    An older one never revives by itself; but one that was withdrawn before it took effect never stood in an older one's way.
    `history` is in the order of publication.
    """
    begun = [each for each in history if each.was_published and each.effective <= day and _took_effect(each)]
    if not begun:
        return None
    effective = max(each.effective for each in begun)
    latest = [each for each in begun if each.effective == effective][-1]
    gone = latest.withdrawn is not None and latest.withdrawn <= day
    return latest if day <= latest.review and not gone else None


def _took_effect(version: Version) -> bool:
    return version.withdrawn is None or version.effective <= version.withdrawn


def _stranger(council: Council, member: str) -> Refusal | None:
    if member not in council.suspended:
        return NOT_A_MEMBER
    return None if council.active(member) else SUSPENDED
