"""The life of an integrity flag as one pure table, and the two small papers in which members speak about one.

A flag is set, appealed once, upheld or lifted by who set it; upheld or unanswered it may be brought before the presiding unit, whose
word is the last but for one: who set a flag may lift it at any time.  Only a lifted flag counts no more.
Papers are JSON, ours, in RFC 8785 form, each with a closed set of members; docs/protocol.md, PR-301 to PR-309.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import FormatError, Problem
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import jcs
from gateway.model.integrity import APPEAL_REASONS, FLAG_REASONS, LIFT_REASONS, UPHOLD_REASONS, FlagKind, FlagState, Said
from gateway.model.transfer import Act, Refusal

VERSION: Final = 1
LIMITS: Final = JsonLimits(bytes_max=2048, depth_max=2, nodes_max=16)
WORD_MAX: Final = 64
NOT_YOURS: Final = Refusal("transfer.not_your_role", "此动作不由贵行作出", "this act is not your bank's")
NOT_NOW: Final = Refusal("transfer.wrong_state", "标记现在的状态不能作此动作", "this act is not possible while the flag stands as it does")
NOT_YET: Final = Refusal("transfer.wrong_state", "标记行的答复期限未满", "who set the flag still has time to answer")
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_NAME: Final = re.compile(r"[a-z][a-z_]{0,63}")


@dataclass(frozen=True, slots=True)
class FlagPaper:
    """Content `flag`: the outcome's key, what is said, and by which case (`transfer`) or consent (its scope) the signer knows of it."""

    outcome: str
    kind: str
    reason: str
    transfer: str = ""
    consent: str = ""


def write_flag(paper: FlagPaper) -> bytes:
    """The exact inverse of `read_flag`."""
    named = {"outcome": paper.outcome, "kind": paper.kind, "reason": paper.reason, "transfer": paper.transfer, "consent": paper.consent}
    return jcs({"v": VERSION, **named})


def read_flag(content: bytes) -> FlagPaper:
    """Raises FormatError, of the form itself `format.integrity_paper` with the member.  Whether its words are known is asked later."""
    told = _object(content, "flag", {"outcome", "kind", "reason", "transfer", "consent"})
    _check("flag/outcome", _is_hex(told["outcome"]))
    for name in ("kind", "reason"):
        _check(f"flag/{name}", _is_word(told[name]))
    for name in ("transfer", "consent"):
        _check(f"flag/{name}", told[name] == "" or _is_hex(told[name]))
    _check("flag/transfer", bool(told["transfer"]) != bool(told["consent"]))
    return FlagPaper(*(str(told[name]) for name in ("outcome", "kind", "reason", "transfer", "consent")))


def write_reason(reason: str) -> bytes:
    """The exact inverse of `read_reason`."""
    return jcs({"v": VERSION, "reason": reason})


def read_reason(name: str, content: bytes) -> str:
    """Contents `appeal` and `ruling`; `name` is the content's.  Raises FormatError, of the form itself `format.integrity_paper`."""
    told = _object(content, name, {"reason"})
    _check(f"{name}/reason", _is_word(told["reason"]))
    return str(told["reason"])


def reason_fault(act: Act, reason: str, kind: str = "") -> Problem | None:
    """Where a reason, or a flag's kind, is none of the closed list."""
    if act is Act.FLAG and kind not in FLAG_REASONS:
        return Problem("flag/kind", "transfer.bad_document", "不是所列的标记种类", "no kind of the closed list")
    reasons, place = (FLAG_REASONS[FlagKind(kind)], "flag") if act is Act.FLAG else _WORDS[act]
    if reason in reasons:
        return None
    return Problem(f"{place}/reason", "transfer.bad_document", "不是所列的原因代码", "no reason of the closed list")


_WORDS: Final[Mapping[Act, tuple[Mapping[str, Said], str]]] = {
    Act.FLAG_APPEAL: (APPEAL_REASONS, "appeal"),
    Act.FLAG_ESCALATE: (APPEAL_REASONS, "appeal"),
    Act.FLAG_UPHOLD: (UPHOLD_REASONS, "ruling"),
    Act.FLAG_LIFT: (LIFT_REASONS, "ruling"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Who somebody is towards one flag: its setter, one that speaks for the learner or the outcome's source, the unit that presides."""

    setter: bool = False
    advocate: bool = False
    presiding: bool = False


def after(act: Act, state: FlagState, who: Standing, *, overdue: bool) -> FlagState | Refusal:
    """Where the act leads, or why not: role first, then state.  `overdue`: who set it has let the term pass."""
    match act:
        case Act.FLAG_APPEAL if who.advocate:
            return FlagState.APPEALED if state is FlagState.FLAGGED else NOT_NOW
        case Act.FLAG_ESCALATE if who.advocate:
            if state is FlagState.APPEALED and not overdue:
                return NOT_YET
            return FlagState.ESCALATED if state in {FlagState.UPHELD, FlagState.APPEALED} else NOT_NOW
        case Act.FLAG_UPHOLD if who.presiding and state is FlagState.ESCALATED:
            return FlagState.CONFIRMED
        case Act.FLAG_UPHOLD if who.setter:
            return FlagState.UPHELD if state is FlagState.APPEALED else NOT_NOW
        case Act.FLAG_LIFT if who.setter or who.presiding:
            return NOT_NOW if state is FlagState.LIFTED else FlagState.LIFTED
        case _:
            return NOT_YOURS


def _object(content: bytes, name: str, members: set[str]) -> Mapping[str, Any]:
    told = read_json(content, LIMITS)
    _check(name, isinstance(told, dict) and told.keys() == {"v", *members} and told["v"] == VERSION and told["v"] is not True)
    assert isinstance(told, dict)
    return told


def _is_hex(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _check(place: str, holds: bool) -> None:
    if not holds:
        problem = Problem(place, "format.integrity_paper", "形式不正确", "not in its form")
        raise FormatError(
            "format.integrity_paper", "信誉标记的文书不合格式", "the paper about an integrity flag is not in its form", problems=(problem,)
        )
