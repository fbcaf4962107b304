"""What is stuck, selected, tried and alarming, in people's words; a code that has none stands for itself."""

from collections.abc import Mapping
from typing import Final

from gateway.web.languages import msg
from gateway.web.pages.visit import Visit

WORDS: Final[Mapping[str, str]] = {
    "no_answer": msg("已送到,无签名答复"),
    "not_taken": msg("信箱未取,或尚未试送"),
    "not_posted": msg("未入账"),
    "peer.unavailable": msg("对方不通"),
    "peer.refused": msg("对方拒收"),
    "internal": msg("本网关无法生成此消息"),
    "retry": msg("再试一次"),
    "cancel": msg("放弃"),
    "frozen": msg("已冻结"),
    "approved": msg("已批准"),
    "used": msg("已放行"),
    "paused": msg("已暂停"),
    "stopped": msg("已停止"),
    "letter": msg("死信"),
    "presiding": msg("轮值单位"),
    "would_send": msg("会立即送出"),
    "would_return": msg("会回到原环节"),
    "would_end": msg("案件会结束"),
    "would_be_given_up": msg("会放弃,不再送"),
    "would_be_refused": msg("会被拒绝"),
    "member_suspended": msg("对方成员已暂停,不会送出"),
    "waits_behind": msg("同案同通道前面还有未送达的,仍须等待"),
    "would_fail_unreachable": msg("会试送,但对方现在不通"),
    "operator.retried": msg("已令重试"),
    "operator.cancelled": msg("已令放弃"),
    "firing": msg("告警中"),
    "acked": msg("已确认"),
    "over": msg("已解除"),
    "dead_letter": msg("死信"),
    "contested_outcome": msg("成果有争议"),
    "statement_disputed": msg("对账单有异议"),
    "transfer_log_stopped": msg("存证日志停止写入"),
    "clocks_apart": msg("时钟不一致"),
    "review_passed": msg("复审日期已过"),
    "difference": msg("与成员行有差异"),
    "files_incomplete": msg("文件不齐"),
    "done": msg("已办"),
    "refused": msg("已拒绝"),
    "notify.withdrawn": msg("通知:已撤回"),
    "notify.decided": msg("通知:已认定"),
    "notify.recall": msg("通知:召回"),
    "notify.cancelled": msg("通知:已取消"),
    "notify.expired": msg("通知:已逾期"),
}


def said(visit: Visit, code: str) -> str:
    """The code in the visitor's words: what is said here, else what every page says."""
    return visit._(WORDS[code]) if code in WORDS else visit.word(code)
