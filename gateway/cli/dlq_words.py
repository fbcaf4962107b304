"""What is stuck, in plain words: why, and what happens by itself.  Chinese and English."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.cli.transfer_words import Words, local_time

REASONS: Final[Mapping[str, Words]] = {
    "held.delivering": ("案件未获签收", "the case was not acknowledged"),
    "held.posting": ("认定未入账", "the decision was not booked"),
    "held.settled": ("召回未入账", "a recall was not booked"),
    "no_answer": ("已送到,无签名答复", "it arrived and was not answered"),
    "not_taken": ("信箱未取,或尚未试送", "nobody came for it, or it was not tried yet"),
    "peer.unavailable": ("对方不通", "the other side cannot be reached"),
    "peer.refused": ("对方拒收", "the other side refuses it"),
    "internal": ("本网关无法生成此消息", "the gateway itself cannot build it"),
}
THEN: Final[Mapping[str, Words]] = {
    "tried": ("再试", "it is tried again"),
    "expired": ("自动过期", "it expires"),
    "escalated": ("上报,仍挂起", "it is escalated and stays held"),
    "stays": ("不再有期限,等待处置", "no deadline any more: it waits for an order"),
}
SHORT: Final = 12


def reason_words(reason: str) -> str:
    """Both languages; a code that has no words here stands for itself."""
    known = REASONS.get(reason)
    return reason if known is None else f"{known[0]} {known[1]}"


def then_words(entry: Mapping[str, Any]) -> str:
    """What happens next by itself, and when."""
    zh, en = THEN[entry["then"]]
    return f"{zh} {en}" if entry["then_at"] is None else f"{local_time(entry['then_at'])} {zh} {en}"


def what(entry: Mapping[str, Any]) -> str:
    """A transfer, or a notice of one."""
    if entry["kind"] == "transfer":
        return f"转移 {entry['source']}→{entry['accepting']}"
    return f"通知 {entry['event']} @ {(entry['transfer'] or entry['scope'])[:SHORT]}"


def groups(entries: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """By the banks that are waited for, and by reason, in the order given."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for entry in entries:
        found.setdefault((", ".join(entry["members"]), entry["reason"]), []).append(entry)
    return found
