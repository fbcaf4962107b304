"""Every page and every act of the people's listener, in one table: routes, navigation and the browser tests are made from it.

To add a page: write a `show_…` function and a template, and a line here (docs/pages.md).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from gateway.model.people import Right
from gateway.web.languages import msg
from gateway.web.pages import sandbox, selections
from gateway.web.pages.alerts import acknowledge, show_alerts, silence
from gateway.web.pages.api_docs import show_api
from gateway.web.pages.audit import show_audit
from gateway.web.pages.canaries import show_canaries
from gateway.web.pages.dead_letters import annotate, show_letter, show_letters
from gateway.web.pages.flows import show_flows
from gateway.web.pages.latency import show_latency
from gateway.web.pages.members import show_members
from gateway.web.pages.mine import show_mine
from gateway.web.pages.mine_case import show_my_case
from gateway.web.pages.mine_flags import show_my_flags
from gateway.web.pages.mine_reads import show_my_reads
from gateway.web.pages.overview import show_overview
from gateway.web.pages.presiding import show_presiding
from gateway.web.pages.reports import show_reports
from gateway.web.pages.rules import show_rules
from gateway.web.pages.selections import show_selection, show_selections
from gateway.web.pages.sign_in import show_sign_in, sign_out
from gateway.web.pages.stuck import show_stuck
from gateway.web.pages.transfer_detail import show_transfer
from gateway.web.pages.transfer_log import show_log
from gateway.web.pages.transfers import forget_view, save_view, show_transfers
from gateway.web.pages.visit import Shown, Visit
from gateway.web.pages.waiting import show_held, show_letter_list


@dataclass(frozen=True, slots=True)
class Page:
    """`right` None: anybody, signed in or not.  `title` is also the navigation's text; `menu` puts it there for whoever holds the right.

    `tried_as` is who the browser tests open it as (a role's name in the sandbox, "" for nobody), `tried_at` the addresses they open;
    empty: the path itself, which then must have no variables.
    """

    path: str
    title: str
    show: Callable[[Visit], Awaitable[Shown]]
    right: Right | None
    menu: bool = True
    tried_as: str = "centre"
    tried_at: tuple[str, ...] = ()
    sandbox: bool = False
    """Only a sandbox has it."""


@dataclass(frozen=True, slots=True)
class Act:
    """A form's target.  `do` takes the form (its token is checked already), does it, and says where to go on."""

    path: str
    do: Callable[[Visit, dict[str, list[str]]], Awaitable[str]]
    right: Right | None
    sandbox: bool = False


PAGES: Final = (
    Page("/", msg("总览"), show_overview, Right.OVERVIEW, tried_at=("/", "/?tv=1")),
    Page("/flows", msg("省际流向"), show_flows, Right.REPORTS, tried_at=("/flows?period=7d&compared=30d",)),
    Page("/latency", msg("时效与成功率"), show_latency, Right.REPORTS),
    Page("/transfers", msg("转移件"), show_transfers, Right.CASES, tried_at=("/transfers?state=all&sort=-opened",)),
    Page(
        "/transfers/{id}",
        msg("转移件"),
        show_transfer,
        Right.CASES,
        menu=False,
        tried_at=("/transfers/{transfer}?state=all",),
    ),
    Page("/stuck", msg("滞留"), show_stuck, Right.CASES),
    Page("/stuck/list", msg("滞留"), show_held, Right.CASES, menu=False),
    Page("/dead-letters", msg("死信"), show_letters, Right.CASES),
    Page("/dead-letters/list", msg("死信"), show_letter_list, Right.CASES, menu=False),
    Page("/dead-letters/{id}", msg("死信"), show_letter, Right.CASES, menu=False, tried_at=("/dead-letters/{letter}",)),
    Page("/selections", msg("批量选择"), show_selections, Right.OPERATE),
    Page(
        "/selections/{token}",
        msg("批量选择"),
        show_selection,
        Right.OPERATE,
        menu=False,
        tried_at=("/selections/{frozen}", "/selections/{released}"),
    ),
    Page("/alerts", msg("告警"), show_alerts, Right.CASES),
    Page("/audit", msg("操作审计"), show_audit, Right.AUDIT, tried_as="auditor"),
    Page("/members", msg("成员健康"), show_members, Right.OVERVIEW),
    Page("/log", msg("存证日志"), show_log, Right.OVERVIEW, tried_at=("/log?leaf=7",)),
    Page("/canaries", msg("探测"), show_canaries, Right.OVERVIEW),
    Page("/reports", msg("统计报表"), show_reports, Right.REPORTS, tried_at=("/reports", "/reports?by=kind")),
    Page("/presiding", msg("轮值单位"), show_presiding, Right.OVERVIEW),
    Page("/rules", msg("认定规则"), show_rules, Right.RULES, tried_at=("/rules", "/rules?v={rule}")),
    Page("/sandbox", msg("沙箱"), sandbox.show_sandbox, Right.SANDBOX, sandbox=True),
    Page("/mine", msg("我的案件"), show_mine, Right.MINE, tried_as="learner"),
    Page("/mine/flags", msg("信誉标记"), show_my_flags, Right.MINE, tried_as="learner"),
    Page("/mine/reads", msg("谁看过我的信息"), show_my_reads, Right.MINE, tried_as="learner"),
    Page("/mine/{id}", msg("我的案件"), show_my_case, Right.MINE, menu=False, tried_as="learner", tried_at=("/mine/{mine}",)),
    Page("/api/", msg("接口文档"), show_api, None, tried_as=""),
    Page("/sign-in", msg("登录"), show_sign_in, None, menu=False, tried_as=""),
)
ACTS: Final = (
    Act("/sign-out", sign_out, None),
    Act("/transfers/views", save_view, Right.CASES),
    Act("/transfers/views/forget", forget_view, Right.CASES),
    Act("/dead-letters/{id}/note", annotate, Right.OPERATE),
    Act("/alerts/{fingerprint}/acknowledge", acknowledge, Right.OPERATE),
    Act("/alerts/{fingerprint}/silence", silence, Right.OPERATE),
    Act("/selections", selections.freeze, Right.OPERATE),
    Act("/selections/{token}/approve", selections.approve, Right.OPERATE),
    Act("/selections/{token}/release", selections.release, Right.OPERATE),
    Act("/selections/{token}/pause", selections.pause, Right.OPERATE),
    Act("/selections/{token}/go-on", selections.go_on, Right.OPERATE),
    Act("/selections/{token}/stop", selections.stop, Right.OPERATE),
    Act("/sandbox/members/{member}", sandbox.switch, Right.SANDBOX, sandbox=True),
    Act("/sandbox/scenarios/{code}", sandbox.play, Right.SANDBOX, sandbox=True),
    Act("/sandbox/cases", sandbox.send, Right.SANDBOX, sandbox=True),
    Act("/sandbox/reset", sandbox.reset, Right.SANDBOX, sandbox=True),
)
