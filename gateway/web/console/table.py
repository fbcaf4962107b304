"""Every page and every act of a bank's console, and the application made of them.  docs/connector.md tells them to the bank's people."""

from typing import Final

from aiohttp import web

from gateway.model.people import Right
from gateway.web.console import bulk
from gateway.web.console.book import look_again, send_again, show_figures, show_keys, show_messages, show_rows, show_views
from gateway.web.console.case import judge, say, show_case
from gateway.web.console.confirm import confirm, show_confirm
from gateway.web.console.inbox import show_inbox
from gateway.web.console.selections import show_selections, sign
from gateway.web.console.site import Console
from gateway.web.languages import msg
from gateway.web.pages.sign_in import show_sign_in, sign_out
from gateway.web.pages.table import Act, Page
from gateway.web.people_app import ground_app

OPERATOR: Final = "operator"
PAGES: Final = (
    Page("/", msg("待办案件"), show_inbox, Right.DECIDE, tried_as=OPERATOR, tried_at=("/", "/?turn=all")),
    Page("/rows", msg("隔离与更正"), show_rows, Right.DECIDE, tried_as=OPERATOR),
    Page("/messages", msg("未送达"), show_messages, Right.DECIDE, tried_as=OPERATOR),
    Page("/selections", msg("批量选择"), show_selections, Right.DECIDE, tried_as=OPERATOR),
    Page("/figures", msg("本行统计"), show_figures, Right.DECIDE, tried_as=OPERATOR),
    Page("/keys", msg("密钥与联系"), show_keys, Right.DECIDE, tried_as=OPERATOR),
    Page("/views", msg("查看记录"), show_views, Right.DECIDE, tried_as=OPERATOR),
    Page("/cases/{transfer}", msg("案件"), show_case, Right.DECIDE, menu=False, tried_as=OPERATOR, tried_at=("/cases/{here}",)),
    Page("/confirm/{frozen}", msg("确认"), show_confirm, Right.DECIDE, menu=False, tried_as=OPERATOR, tried_at=("/confirm/{frozen}",)),
    Page("/sign-in", msg("登录"), show_sign_in, None, menu=False, tried_as=""),
)
ACTS: Final = (
    Act("/bulk", bulk.freeze, Right.DECIDE),
    Act("/cases/{transfer}/judge", judge, Right.DECIDE),
    Act("/cases/{transfer}/say", say, Right.DECIDE),
    Act("/confirm/{frozen}", confirm, Right.DECIDE),
    Act("/rows/look", look_again, Right.DECIDE),
    Act("/messages/again", send_again, Right.DECIDE),
    Act("/selections/sign", sign, Right.DECIDE),
    Act("/sign-out", sign_out, None),
)


def console_app(site: Console) -> web.Application:
    """The listener of one bank's console."""
    return ground_app(site, PAGES, ACTS)
