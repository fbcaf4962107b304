"""What a learner is told of a case and of who has read it: plain words by state, what comes next, and what a bank was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.web.languages import msg


@dataclass(frozen=True, slots=True)
class Said:
    """How a case stands, and what happens next."""

    state: str
    next: str


STATES: Final[Mapping[str, Said]] = {
    "confirming": Said(msg("等转出行确认"), msg("转出行确认这些记录是您的之后,案件送交接收行。")),
    "delivering": Said(msg("正在送交接收行"), msg("接收行签收后开始认定。")),
    "reviewing": Said(msg("接收行正在认定"), msg("接收行逐项作出认定,写明理由;认定后两家银行入账。")),
    "supplementing": Said(msg("等转出行补充材料"), msg("转出行补充之后,接收行继续认定;您不必再做什么,除非银行与您联系。")),
    "posting": Said(msg("已认定,等银行入账"), msg("两家银行都入账后即办结。")),
    "disputed": Said(msg("有异议,正在复核"), msg("先由接收行答复,逾期由轮值单位裁定;在此之前原认定有效。")),
    "held": Said(msg("暂停,等轮值单位处理"), msg("送交或入账遇到困难,轮值单位正在处理;您不必再做什么。")),
    "settled": Said(msg("已办结"), msg("两家银行都已入账。如不认可,办结后 30 日内可向受理行提出异议。")),
    "rejected": Said(msg("未受理"), msg("本案没有进入认定,或没有可认定的项目;原因写在各项中。可向受理行询问,更正后重新申请。")),
    "withdrawn": Said(msg("已撤回"), msg("本案已按申请撤回,没有认定任何学分。可以重新申请。")),
    "expired": Said(msg("逾期,已结束"), msg("有银行没有在期限内答复。可请受理行提出申诉,或重新申请。")),
    "recalled": Said(msg("认定已被召回"), msg("认定的成果后来都被撤销,接收行已收回学分。原因请向转出行询问。")),
}
WHAT: Final[Mapping[str, str]] = {
    "case": msg("收到您的案件:身份信息与所申请的记录,用于认定"),
    "evidence": msg("取走本案的证据文件"),
    "integrity": msg("查看您成果上的信誉标记"),
    "asked": msg("凭您的授权,向转出行询问您有哪些记录"),
    "listed": msg("答复您有哪些记录"),
}
UNDER: Final[Mapping[str, str]] = {
    "case": msg("因办理案件"),
    "consent": msg("凭您的授权"),
    "own": msg("因标记由该行所设、所申诉或待其裁定"),
    "delivery": msg("随案件送达"),
}
ITEMS: Final[Mapping[str, str]] = {
    "claimed": msg("等认定"),
    "recognised": msg("已予认定"),
    "refused": msg("没有认定"),
    "closed": msg("已关闭,没有认定"),
    "recalling": msg("已撤销,正在召回"),
    "recalled": msg("已撤销并召回"),
}
KINDS: Final[Mapping[str, str]] = {
    "recognised": msg("建议认定"),
    "refused": msg("建议不认定"),
}
