"""`ceg dlq retry|cancel --selection`: a selection that was frozen, confirmed and released on the pages, carried out where the key is."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from gateway.cli.faults import CliError
from gateway.cli.screen import Screen
from gateway.cli.transfer_source import TIMEOUT_S, Where
from gateway.client.orders import Operator
from gateway.client.reading import ReadingApi
from gateway.client.receipts import Judge
from gateway.client.selected import Selected, carry_out, collect
from gateway.errors import TransferError
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.channels.reading import ReadingChannel, http_session
from gateway.model.transfer import Act
from gateway.system import SystemClock, SystemIds

SelectionToken: TypeAlias = Annotated[
    str,
    typer.Option(
        "--selection",
        metavar="TOKEN",
        help="页面上冻结并放行的选择,代替编号与理由。 / A selection frozen and released on the pages, instead of ids and a reason.",
    ),
]
ExpectCount: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--expect-count",
        metavar="N",
        min=1,
        help="件数不是 N 就不执行。 / Do nothing unless there are exactly N items.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the options say.  `token` "" where ids are named instead."""

    token: str
    expected: int | None


def check_count(expected: int | None, found: int) -> None:
    """Raises TransferError(`transfer.selection_stale`)."""
    if expected is not None and expected != found:
        raise TransferError(
            "transfer.selection_stale", "件数与所见不同,没有执行", "the count is not the one that was seen; nothing was done",
            expected=expected, found=found,
        )  # fmt: skip


def plan_of(act: Act, chosen: Chosen, where: Where) -> Selected:
    """What is to be signed.  Raises CliError, TransferError, PeerError."""
    selected = asyncio.run(_collected(chosen.token, where))
    if selected.act is not act:
        raise CliError("cli.usage", "此选择是另一种命令", "this selection is for another order", act=selected.act.value)
    check_count(chosen.expected, selected.count)
    return selected


def carried_out(selected: Selected, where: Where, judge: Judge, screen: Screen) -> list[dict[str, Any]]:
    """Each order in turn, at the selection's rate; a pause on the page is obeyed."""
    return asyncio.run(_carried_out(selected, where, judge, screen))


async def _collected(token: str, where: Where) -> Selected:
    async with http_session() as session:
        return await collect(_api(where, ReadingChannel(session, TIMEOUT_S)), token)


async def _carried_out(selected: Selected, where: Where, judge: Judge, screen: Screen) -> list[dict[str, Any]]:
    member, key = where.identity()
    async with http_session() as session:
        operator = Operator(member, key, where.base, judge, HttpsChannel(session, TIMEOUT_S), SystemClock(), SystemIds())
        with screen.progress("签署并发送") as tick:
            return await carry_out(
                selected, _api(where, ReadingChannel(session, TIMEOUT_S)), operator, lambda done, all_, _state: tick(done, all_)
            )


def _api(where: Where, channel: ReadingChannel) -> ReadingApi:
    member, key = where.identity()
    return ReadingApi(channel, where.base, member, key, SystemClock(), SystemIds())
