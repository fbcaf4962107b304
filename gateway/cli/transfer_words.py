"""A case in plain words: whose turn it is, since when, until when, what comes next.  Chinese and English."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from gateway.model.transfer import CLOSED, State

CHINA: Final = timezone(timedelta(hours=8))

STATES: Final[Mapping[State, tuple[str, str]]] = {
    State.CONFIRMING: ("待确认", "confirming"),
    State.DELIVERING: ("投递中", "delivering"),
    State.REVIEWING: ("认定中", "reviewing"),
    State.SUPPLEMENTING: ("补充材料", "supplementing"),
    State.POSTING: ("入账中", "posting"),
    State.DISPUTED: ("异议中", "disputed"),
    State.HELD: ("已挂起", "held"),
    State.SETTLED: ("已完成", "settled"),
    State.REJECTED: ("已拒绝", "rejected"),
    State.WITHDRAWN: ("已撤回", "withdrawn"),
    State.EXPIRED: ("已过期", "expired"),
    State.RECALLED: ("已追回", "recalled"),
}
NEXT: Final[Mapping[State, tuple[str, str]]] = {
    State.CONFIRMING: ("转出行确认记录后,材料送往接收行", "once the source bank confirms, the case goes to the accepting bank"),
    State.DELIVERING: ("接收行签收后开始认定", "once the accepting bank acknowledges, it reviews"),
    State.REVIEWING: ("接收行作出认定后,两行分别入账", "once the accepting bank decides, both banks post"),
    State.SUPPLEMENTING: ("转出行补充后重新送达", "once the source bank supplements, the case is delivered again"),
    State.POSTING: ("两行都确认入账后即完成", "once both banks have posted, it is settled"),
    State.DISPUTED: ("接收行或轮值单位作出处理", "the accepting bank or the presiding unit answers the dispute"),
    State.HELD: ("轮值单位决定重试或取消", "the presiding unit retries or cancels"),
    State.SETTLED: ("已无待办", "nothing is left to do"),
    State.REJECTED: ("已无待办", "nothing is left to do"),
    State.WITHDRAWN: ("已无待办", "nothing is left to do"),
    State.EXPIRED: ("可重新申请", "the learner may apply again"),
    State.RECALLED: ("已无待办", "nothing is left to do"),
}
ITEMS: Final[Mapping[str, str]] = {
    "claimed": "待认定 claimed",
    "recognised": "认可 recognised",
    "refused": "不认可 refused",
    "closed": "关闭 closed",
    "recalling": "追回中 recalling",
    "recalled": "已追回 recalled",
}


def state_words(case: Mapping[str, Any]) -> str:
    """Both languages, short."""
    zh, en = STATES[State(case["state"])]
    return f"{zh} {en}"


def is_closed(case: Mapping[str, Any]) -> bool:
    return State(case["state"]) in CLOSED


def turn(case: Mapping[str, Any]) -> str:
    """Members whose turn it is."""
    return ", ".join(case["waiting_on"]) or "-"


def local_time(text: str | None) -> str:
    """An RFC 3339 text as Chinese wall time, to the minute; "-" for none."""
    return "-" if not text else datetime.fromisoformat(text).astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def deadline_day(text: str | None) -> str:
    """The last whole day before a deadline, which is the end of that day in China; "-" for none."""
    if not text:
        return "-"
    return (datetime.fromisoformat(text).astimezone(CHINA) - timedelta(seconds=1)).strftime("%Y-%m-%d")


def sentences(case: Mapping[str, Any]) -> tuple[str, str]:
    """One in each language: where it stands, who is to act until when, what comes next."""
    state = State(case["state"])
    (now_zh, now_en), (next_zh, next_en) = STATES[state], NEXT[state]
    since = local_time(case["since"])
    if is_closed(case):
        return f"{now_zh}({since})。{next_zh}。", f"{now_en.capitalize()} at {since}; {next_en}."
    who, day = turn(case), deadline_day(case["deadline"])
    guess_zh, guess_en = ("(暂定)", " (provisional)") if case.get("deadline_provisional") else ("", "")
    zh = f"{now_zh},自 {since} 起轮到 {who},至 {day}{guess_zh}。之后:{next_zh}。"
    return zh, f"{now_en.capitalize()}: since {since} it is the turn of {who}, until {day}{guess_en}. Next, {next_en}."
