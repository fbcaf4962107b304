"""The page for whoever is turned away: what happened and what to do, in both languages, the visitor's first.

One table of statuses and texts.  The page of a denial is the same whatever lies behind it, so that nothing tells
"does not exist" from "not yours".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from gateway.model.people import Denial
from gateway.web.languages import msg
from gateway.web.pages.render import render
from gateway.web.pages.visit import Shown, Visit


@dataclass(frozen=True, slots=True)
class Words:
    """Status, what happened, what to do.  `again` offers the way to sign in."""

    status: int
    title: str
    advice: str
    again: bool = False


WORDS: Final[Mapping[Denial, Words]] = {
    Denial.NO_RIGHT: Words(
        403, msg("您的角色无权使用此页"), msg("请从上方导航选择其他页面;确需使用的,请向安全管理员申请相应角色,然后重新登录。")
    ),
    Denial.NOT_FOUND: Words(404, msg("没有可显示的内容"), msg("地址可能有误,或该内容不在您的范围内。请核对编号,或从列表中重新打开。")),
    Denial.STALE: Words(409, msg("内容已经改变"), msg("您看到之后又有变动,本次操作没有执行。请返回列表,查看最新内容后再操作。")),
    Denial.SECOND_PERSON: Words(
        409,
        msg("须由另一人批准"),
        msg("放弃须由制作此选择以外的另一人批准,之后才能放行。本次操作没有执行;请另一位操作员从“批量选择”中打开并批准。"),
    ),
    Denial.SESSION_OVER: Words(403, msg("登录已结束"), msg("会话超时,或已在别处退出。请重新登录,登录后回到原来的页面。"), again=True),
    Denial.FORGED: Words(
        403, msg("请求不是从本站页面发出的"), msg("本次操作没有执行。请打开本站页面,在页面上重新提交;如反复出现,请告知系统管理员。")
    ),
    Denial.NOT_KNOWN: Words(403, msg("您在此没有角色"), msg("身份已确认,但尚未分配角色或成员行。请联系安全管理员。")),
    Denial.LOCKED: Words(429, msg("登录失败次数过多,暂时锁定"), msg("请稍后再试;如不是您本人操作,请告知安全管理员。")),
    Denial.SIGN_IN_FAILED: Words(403, msg("登录没有完成"), msg("身份提供方的答复无效或已过期。请重新登录。"), again=True),
    Denial.BAD_REQUEST: Words(400, msg("请求无法理解"), msg("请返回上一页,核对填写的内容后重新提交。")),
    Denial.UNAVAILABLE: Words(503, msg("暂时无法提供服务"), msg("请稍后刷新页面;如持续出现,请告知系统管理员。")),
}


def denied_page(visit: Visit, denial: Denial) -> web.Response:
    words = WORDS[denial]
    both = [visit.tongue, *(tongue for tongue in visit.ground.tongues.values() if tongue is not visit.tongue)]
    shown = Shown("denied.html", {"words": words, "tongues": both, "code": denial.value, "to": visit.request.path_qs}, status=words.status)
    response = render(visit, shown)
    if words.status in {429, 503}:
        response.headers["Retry-After"] = "60"
    return response
