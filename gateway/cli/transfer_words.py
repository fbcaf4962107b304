"""A case in plain words: whose turn it is, since when, until when, what happens then by itself, what comes next.  Chinese and English."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from gateway.model.transfer import CLOSED, ItemState, State

CHINA: Final = timezone(timedelta(hours=8))
Words = tuple[str, str]
"""Chinese, English."""

STATES: Final[Mapping[State, Words]] = {
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
NEXT: Final[Mapping[State, Words]] = {
    State.CONFIRMING: ("转出行确认记录后,材料送往接收行", "once the source bank confirms, the case goes to the accepting bank"),
    State.DELIVERING: ("接收行签收后开始认定", "once the accepting bank acknowledges, it reviews"),
    State.REVIEWING: ("接收行作出认定后,两行分别入账", "once the accepting bank decides, both banks post"),
    State.SUPPLEMENTING: ("转出行补充后重新送达", "once the source bank supplements, the case is delivered again"),
    State.POSTING: ("两行都确认入账后即完成", "once both banks have posted, it is settled"),
    State.DISPUTED: (
        "接收行重新认定,或维持原认定并移交轮值单位",
        "the accepting bank decides anew, or upholds, and the presiding unit judges",
    ),
    State.HELD: ("轮值单位决定重试或取消", "the presiding unit retries or cancels"),
    State.SETTLED: ("已无待办", "nothing is left to do"),
    State.REJECTED: ("已无待办", "nothing is left to do"),
    State.WITHDRAWN: ("已无待办", "nothing is left to do"),
    State.EXPIRED: ("可重新申请", "the learner may apply again"),
    State.RECALLED: ("已无待办", "nothing is left to do"),
}
JUDGING: Final[Words] = ("轮值单位维持原认定,或退回重新认定", "the presiding unit upholds the decision or sends it back to be decided anew")
RECALLING: Final[Words] = ("接收行冲回后确认,召回即告完成", "once the accepting bank has taken it back and says so, the recall is done")
HELD_NEXT: Final[Mapping[str, Words]] = {
    State.DELIVERING: (
        "轮值单位重试或取消;接收行仍可签收,受理行仍可撤回",
        "the presiding unit retries or cancels; the accepting bank may still acknowledge, the facing bank withdraw",
    ),
    State.POSTING: ("轮值单位重试;两行仍可确认入账", "the presiding unit retries; both banks may still post"),
    State.SETTLED: ("轮值单位重试;接收行仍可确认冲回", "the presiding unit retries; the accepting bank may still book the recall"),
}
HELD_FROM: Final[Mapping[str, Words]] = {
    State.DELIVERING: ("送达未获签收", "the accepting bank did not acknowledge"),
    State.POSTING: ("认定未入账", "the decision was not booked"),
    State.SETTLED: ("召回未入账", "a recall was not booked"),
}
EXIT: Final[Mapping[State, Words]] = {
    State.CONFIRMING: ("自动过期", "it expires"),
    State.DELIVERING: ("自动挂起,交轮值单位", "it is held, before the presiding unit"),
    State.REVIEWING: ("自动过期", "it expires"),
    State.SUPPLEMENTING: ("视为未补充,继续认定", "the review goes on without a supplement"),
    State.POSTING: ("自动挂起,交轮值单位,不会过期", "it is held, before the presiding unit, and never expires"),
    State.DISPUTED: ("自动移交轮值单位,另计期限", "it goes to the presiding unit, with a term of its own"),
    State.SETTLED: ("自动挂起,交轮值单位", "it is held, before the presiding unit"),
}
STANDS: Final[Words] = ("原认定成立,标为未决", "the decision stands, marked unresolved")
EXPIRES: Final[Words] = ("自动过期", "it expires")
ESCALATED: Final[Words] = ("上报,仍挂起,不再有期限", "it is escalated and stays held, without a deadline")
ITEMS: Final[Mapping[str, str]] = {
    "claimed": "待认定 claimed",
    "recognised": "认可 recognised",
    "refused": "不认可 refused",
    "closed": "关闭 closed",
    "recalling": "追回中 recalling",
    "recalled": "已追回 recalled",
}
PRESIDING: Final = "presiding"


def state_words(case: Mapping[str, Any]) -> str:
    """Both languages, short."""
    zh, en = STATES[State(case["state"])]
    return f"{zh} {en}"


def is_closed(case: Mapping[str, Any]) -> bool:
    """Whether nobody has anything to do any more: a settled case with an open recall is not closed."""
    return State(case["state"]) in CLOSED and not case.get("waiting_on")


def turn(case: Mapping[str, Any]) -> str:
    """Members whose turn it is."""
    names = [(each, each) if each != PRESIDING else _presiding(case) for each in case["waiting_on"]]
    return ", ".join(zh if zh == en else f"{zh} / {en}" for zh, en in names) or "-"


def _presiding(case: Mapping[str, Any]) -> Words:
    """The presiding unit, by its id where that is known."""
    known = case.get("presiding_unit")
    return f"轮值单位{known or ''}", f"the presiding unit{f' {known}' if known else ''}"


def local_time(text: str | None) -> str:
    """An RFC 3339 text as Chinese wall time, to the minute; "-" for none."""
    return "-" if not text else datetime.fromisoformat(text).astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def deadline_day(text: str | None) -> str:
    """The last whole day before a deadline, which is the end of that day in China; "-" for none."""
    if not text:
        return "-"
    return (datetime.fromisoformat(text).astimezone(CHINA) - timedelta(seconds=1)).strftime("%Y-%m-%d")


def final_words(case: Mapping[str, Any]) -> str:
    """Whether a quorum of the witnesses has cosigned a checkpoint over its newest leaf, in both languages."""
    match case.get("final"):
        case True:
            return "已见证 final"
        case False:
            return "已存证,待见证 logged, not yet final"
        case _:
            return "-"


def next_step(case: Mapping[str, Any]) -> Words:
    """What comes next when whoever has the turn acts."""
    state = State(case["state"])
    if state is State.DISPUTED and case.get("stage") == PRESIDING:
        return JUDGING
    if state is State.HELD:
        return HELD_NEXT.get(case.get("held_from", ""), NEXT[state])
    if state is State.SETTLED and not is_closed(case):
        return RECALLING
    return NEXT[state]


def exit_words(case: Mapping[str, Any]) -> Words | None:
    """What happens by itself at the deadline; None where there is none."""
    if not case["deadline"]:
        return None
    state = State(case["state"])
    if state is State.DISPUTED and case.get("stage") == PRESIDING:
        return STANDS
    if state is State.HELD:
        return EXPIRES if case.get("held_from") == State.DELIVERING else ESCALATED
    return EXIT[state]


def sentences(case: Mapping[str, Any]) -> Words:
    """One text in each language: where it stands, whose turn since when, until when and what then, what comes next."""
    state = State(case["state"])
    (now_zh, now_en), (next_zh, next_en) = STATES[state], next_step(case)
    if state is State.HELD and (why := HELD_FROM.get(case.get("held_from", ""))):
        now_zh, now_en = f"{now_zh}({why[0]})", f"{now_en} ({why[1]})"
    since = local_time(case.get("turn_since") or case["since"])
    if is_closed(case):
        return f"{now_zh}({since})。{next_zh}。", f"{now_en.capitalize()} at {since}; {next_en}."
    who = [(each, each) if each != PRESIDING else _presiding(case) for each in case["waiting_on"]]
    zh_who, en_who = "、".join(zh for zh, _ in who), " and ".join(en for _, en in who)
    until_zh, until_en = _until(case)
    zh = f"{now_zh},自 {since} 起轮到 {zh_who}{until_zh}。之后:{next_zh}。"
    return zh, f"{now_en[0].upper()}{now_en[1:]}: since {since} it is the turn of {en_who}{until_en}. Next, {next_en}."


def _until(case: Mapping[str, Any]) -> Words:
    then = exit_words(case)
    if then is None:
        return ",不设期限", ", without a deadline"
    day = deadline_day(case["deadline"])
    guess_zh, guess_en = ("(暂定)", " (provisional)") if case.get("deadline_provisional") else ("", "")
    return f",至 {day}{guess_zh}。到期无人行事:{then[0]}", f", until {day}{guess_en}. If nobody acts by then, {then[1]}"


def remarks(case: Mapping[str, Any]) -> list[Words]:
    """What else somebody has to know: recalls, contested outcomes, likely twins, a decision that nobody judged, dead letters."""
    found: list[Words] = []
    items = case.get("items", [])
    recalling = [each["record"] for each in items if each["state"] == ItemState.RECALLING]
    if recalling:
        found.append((f"召回中,待接收行冲回:{'、'.join(recalling)}", f"being recalled by the accepting bank: {', '.join(recalling)}"))
    contested = [each["record"] for each in items if each.get("contested")]
    if contested:
        found.append(
            (f"成果有争议,待轮值单位裁定:{'、'.join(contested)}", f"contested, until the presiding unit clears it: {', '.join(contested)}")
        )
    found += [_twin(each) for each in case.get("likely_twins", [])]
    if case.get("likely_twins_more"):
        found.append(("疑似同一成果的还有,未全列", "there are or may be more likely twins than are shown"))
    if case.get("unresolved"):
        found.append(("异议无人裁决,原认定成立", "nobody judged the dispute; the decision stands unresolved"))
    found += [_letter(each) for each in case.get("owed", []) if each.get("dead_since")]
    return found


def _twin(hint: Mapping[str, Any]) -> Words:
    mine, source, to = hint["record"], hint["source"], hint["accepting"]
    why, other = ", ".join(hint["reasons"]), hint.get("other_record", "-")
    state, leaf = hint["state"], hint["leaf"]
    zh = f"疑似同一成果,请人核对:{mine} 与 {source} → {to} 的一项(记录 {other},{state},第 {leaf} 叶);理由:{why}"
    en = f"likely the same achievement: {mine} and one from {source} to {to} (record {other}, {state}, leaf {leaf}); because: {why}"
    return zh, en


def _letter(owed: Mapping[str, Any]) -> Words:
    since, again, tries = local_time(owed["dead_since"]), local_time(owed["next_at"]), owed["attempts"]
    error, which, what = owed["last_error"] or "-", owed["message"], owed["event"]
    return (
        f"死信 {which}:致 {owed['to']} 的 {what} 通知,自 {since};已试 {tries} 次({error}),下次 {again}",
        f"dead letter {which}: notice {what} to {owed['to']}, since {since}; {tries} tries ({error}), next {again}",
    )
