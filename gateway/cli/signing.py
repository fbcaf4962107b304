"""Commands that sign as a member: the options they all take, and the way from a plan to a verified answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import typer
from rich.console import Console

from gateway.cli.exits import exit_of
from gateway.cli.faults import CliError
from gateway.cli.options import AsJson, Config, DryRun, NoColor, RegistryKey, TrustPath, Yes
from gateway.cli.screen import Screen
from gateway.cli.sources import trust_of
from gateway.cli.transfer_source import TIMEOUT_S, KeyFile, MemberId, Url, Where
from gateway.client.orders import Operator
from gateway.client.prepared import Submitted
from gateway.client.reading import problem_error
from gateway.client.receipts import Judge
from gateway.errors import TransferError
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.channels.reading import http_session
from gateway.system import SystemClock, SystemIds

REASON_CHARS_MAX: Final = 500
Plan: TypeAlias = dict[str, Any]
Draw: TypeAlias = Callable[[Console, Plan], None]
Deed: TypeAlias = Callable[[Operator], Awaitable[Submitted]]


@dataclass(frozen=True, slots=True)
class Signer:
    """The options of whatever signs, in the order in which help shows them."""

    url: Url
    member: MemberId
    key_file: KeyFile
    config: Config = None
    trust_file: TrustPath = None
    registry_key: RegistryKey = None
    yes: Yes = False
    dry_run: DryRun = False
    as_json: AsJson = False
    no_color: NoColor = False

    def screen(self) -> Screen:
        """Where this command is shown."""
        return Screen.open(self.as_json, self.no_color)

    @property
    def where(self) -> Where:
        """The gateway, as this member."""
        return Where(self.url, self.member, self.key_file, self.config, None)

    def judge(self, screen: Screen) -> Judge:
        """Of the gateway's answers.  Raises CliError(`cli.usage`) where it is not said who signs, TrustError, SettingsError."""
        self.where.identity()
        return Judge(trust_of(screen, self.config, self.trust_file, self.registry_key))


def reason_of(text: str) -> str:
    """A reason that people wrote.  Raises CliError(`cli.usage`)."""
    if not 0 < len(text.strip()) <= REASON_CHARS_MAX:
        raise CliError("cli.usage", "须有理由(至多 500 字)", "a reason of at most 500 characters is needed")
    return text.strip()


@asynccontextmanager
async def operator_at(where: Where, judge: Judge) -> AsyncIterator[Operator]:
    """Whoever signs at that gateway."""
    member, key = where.identity()
    async with http_session() as session:
        yield Operator(member, key, where.base, judge, HttpsChannel(session, TIMEOUT_S), SystemClock(), SystemIds())


def sign_and_send(
    screen: Screen,
    signer: Signer,
    plan: Plan,
    draw: Draw,
    deed: Deed,
    *,
    told: Callable[[Mapping[str, Any]], Plan] = lambda _: {},
    before: Callable[[Console], None] | None = None,
) -> None:
    """Show the plan, ask, sign, send, and tell what came of it; a refusal ends the command with its exit code.

    `told` takes from the answer of an act that was accepted what the plan shows besides; `before` draws what the
    plan is about, for whoever is asked.
    """
    judge = signer.judge(screen)
    where = signer.where
    plan = plan | {"sent": False, "status": None, "code": "", "leaf": None}
    if signer.dry_run:
        screen.emit(plan, lambda console: draw(console, plan))
        return
    if not signer.yes and not screen.as_json:
        if before is not None:
            before(screen.err)
        draw(screen.err, plan)
    zh, en = f"以 {signer.member} 签署,发往 {where.base}。", f"Sign as {signer.member} and send to {where.base}."
    screen.confirm(zh, en, yes=signer.yes)
    answer = asyncio.run(_sent(where, judge, deed)).answer
    done = plan | {"sent": True, "status": answer.status, "code": answer.code, "leaf": answer.index}
    done |= {} if answer.code else told(answer.body)
    screen.emit(done, lambda console: draw(console, done))
    if answer.code:  # a stored answer whose key is gone brings its code and no more
        problem = answer.body.get("problem")
        screen.fault(problem_error(dict(problem)) if problem else TransferError(answer.code, "被拒绝", "refused"))
        raise typer.Exit(exit_of(answer.code))


async def _sent(where: Where, judge: Judge, deed: Deed) -> Submitted:
    async with operator_at(where, judge) as operator:
        return await deed(operator)
