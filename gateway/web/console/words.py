"""The console's codes in people's words: steps, whose turn, what happens next, what is wrong with a choice."""

from collections.abc import Mapping
from typing import Final

from gateway.client.console_book import Line
from gateway.client.todo import POST
from gateway.model.transfer import State
from gateway.web.languages import msg
from gateway.web.pages.visit import Visit
from gateway.web.pages.words import WORDS as GROUND

NEXT: Final[Mapping[str, str]] = {
    "submitted": msg("等待网关答复"),
    "refused": msg("网关未受理,没有立案"),
    "confirming": msg("转出行确认后送达接收行;逾期则本案结束"),
    "delivering": msg("接收行核验并签收后开始审核"),
    "reviewing": msg("接收行逐项认定;逾期则本案结束"),
    "supplementing": msg("转出行补充后恢复审核;逾期按未补充继续"),
    "posting": msg("两行各自入账后办结;逾期则挂起"),
    "booked": msg("本行已入账;对方入账后办结,由状态摘要核对得知"),
    "disputed": msg("接收行重新认定或维持;逾期由轮值单位裁定"),
    "held": msg("由轮值单位重试或取消"),
    "settled": msg("已办结,三十日内可提出异议"),
    "rejected": msg("已结束,曾送达的三十日内可提出异议"),
    "expired": msg("已结束,曾送达的三十日内可提出异议"),
    "withdrawn": msg("已结束"),
    "recalled": msg("已结束"),
}
WORDS: Final[Mapping[str, str]] = {
    "submitted": msg("已提交"),
    "refused": msg("已拒绝"),
    "accepting": msg("接收行"),
    "source": msg("转出行"),
    "facing": msg("受理行"),
    "decide": msg("认定"),
    "post": msg("入账"),
    "recall": msg("召回"),
    "recognised": msg("予以认定"),
    "claimed": msg("待认定"),
    "closed": msg("已关闭"),
    "recalling": msg("召回中"),
    "ask": msg("请转出行补充材料"),
    "uphold": msg("维持原认定"),
    "dispute": msg("提出异议"),
    "waiting": msg("待送出"),
    "done": msg("已答复"),
    "failed": msg("未获受理"),
    "alarm": msg("答复不可信"),
    "proven": msg("已证明"),
    "signed": msg("有签名答复,无存证叶"),
    "request": msg("申请"),
    "confirm": msg("确认"),
    "decline": msg("拒绝确认"),
    "acknowledge": msg("签收"),
    "posted": msg("入账确认"),
    "supplement": msg("补充材料"),
    "amend": msg("更正"),
    "revoke": msg("撤销记录"),
    "withdraw": msg("撤回"),
    "noted": msg("知悉"),
    "missing": msg("没有填写"),
    "no_verdict": msg("请选择认定或不予认定"),
    "reason_unfit": msg("理由与结论不符,或没有选择理由"),
    "text_wanted": msg("选「其他」须写明说明,不超过 500 字"),
    "credits_bad": msg("学分须为非负小数,至多两位"),
    "credits_over": msg("认定学分不得超过区域学分"),
    "contested": msg("成果有争议,裁定之前不得认定"),
    "not_explained": msg("与测算不同,须选择理由"),
}


def word(visit: Visit, code: str) -> str:
    """The console's word, the ground's, or the code itself."""
    return visit._(WORDS.get(code) or GROUND.get(code, code))


def next_of(visit: Visit, line: Line) -> str:
    """What happens next to a case."""
    booked = line.state == State.POSTING and POST not in line.todo  # nobody tells a bank of the other one's booking
    return visit._(NEXT.get("booked" if booked else line.state, ""))
