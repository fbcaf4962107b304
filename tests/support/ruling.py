"""Rule versions by hand: their messages, and one brought to each of its states by the acts themselves.  All rules are made up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

from support.region import Heard, Message, World
from support.rules import CAPS, rule

from gateway.federation.members import Status, TrustData
from gateway.federation.registry import TrustFile
from gateway.mapping.documents import write
from gateway.model.documents import Withdrawal
from gateway.model.scopes import rule_scope
from gateway.recognition.lifecycle import Trial
from gateway.recognition.rule_papers import TrialPaper, WordPaper, write_trial, write_word
from gateway.storage.rows import RuleRow

PROPOSER, ACCEPTING, THIRD, FOURTH = "CN-31", "CN-32", "CN-33", "CN-34"
REASON = write(Withdrawal("other", "经商议"))
SIMULATION = sha256(b"report").hexdigest()
STATES = ("none", "tested", "approved", "published", "expired", "withdrawn", "recalled")
"""`withdrawn` before it was published, `recalled` after."""


@dataclass(frozen=True)
class Draft:
    """One rule file and the trial beside it."""

    version: str = "2026.1"
    id: str = "test"
    accepting: str = ACCEPTING
    effective: date = date(2026, 12, 1)
    review: date = date(2028, 12, 31)
    rules: str = rule("r1", "C1")
    more: str = ""
    restores: str = ""

    @property
    def data(self) -> bytes:
        head = (
            f'format = "ceg-rules-1"\nid = "{self.id}"\nversion = "{self.version}"\nzh = "测试"\nen = "test"\n'
            f'accepting = "{self.accepting}"\neffective = {self.effective}\nreview = {self.review}\n{self.more}\n'
        )
        return (head + CAPS + self.rules).encode()

    @property
    def digest(self) -> str:
        return sha256(self.data).hexdigest()

    @property
    def scope(self) -> str:
        return rule_scope(self.accepting, self.id, self.version)

    def trial(self, **changes: Any) -> bytes:
        return write_trial(TrialPaper(Trial(**({"digest": self.digest, "findings": 0, "simulation": SIMULATION} | changes)), self.restores))


@dataclass
class Hands:
    """One version, and the members' hands."""

    world: World
    draft: Draft = Draft()

    def message(self, iss: str, act: str, contents: Mapping[str, bytes] | None = None, **claims: Any) -> Message:
        """`act` is `propose`, `approve`, `publish` or `withdraw`; `contents` replaces some of what it brings."""
        word = write_word(WordPaper(self.draft.id, self.draft.version, self.draft.digest))
        made = {
            "propose": {"rules": self.draft.data, "trial": self.draft.trial()},
            "approve": {"approval": word},
            "publish": {"publication": word},
            "withdraw": {"reason": REASON},
        }[act] | dict(contents or {})
        return self.world.message(iss, f"rule-{act}", list(made.items()), **({"scp": self.draft.scope} | claims))

    async def do(self, iss: str, act: str, contents: Mapping[str, bytes] | None = None, **claims: Any) -> Heard:
        return await self.world.send(self.message(iss, act, contents, **claims))

    async def must(self, iss: str, act: str) -> Heard:
        heard = await self.do(iss, act)
        assert heard.status == (202 if act == "propose" else 200), heard.body
        return heard

    async def published(self, *members: str) -> "Hands":
        """Proposed, approved by `members`, published by the accepting bank."""
        await self.must(PROPOSER, "propose")
        for member in members or (ACCEPTING, THIRD):
            await self.must(member, "approve")
        await self.must(self.draft.accepting, "publish")
        return self

    async def row(self) -> RuleRow:
        rows = await self.world.gateway.database.fetch("rules_all")
        return next(RuleRow(*row) for row in rows if row[0] == self.draft.scope)


async def hands(world: World, state: str, number: int) -> Hands:
    """A fresh version in `state`.  `expired` takes the world past the review date of that version."""
    made = Hands(world, Draft(f"2026.{number}"))
    if state == "expired":
        today = world.clock.now().date()
        made.draft = replace(made.draft, effective=today, review=date.fromordinal(today.toordinal() + 1))
    if state == "none":
        return made
    await made.must(PROPOSER, "propose")
    if state == "tested":
        return made
    if state == "withdrawn":
        await made.must(PROPOSER, "withdraw")
        return made
    for member in (ACCEPTING, THIRD):
        await made.must(member, "approve")
    if state == "approved":
        return made
    await made.must(ACCEPTING, "publish")
    if state == "recalled":
        await made.must(ACCEPTING, "withdraw")
    if state == "expired":
        world.clock.advance(days=3)
    return made


def suspending(data: TrustData, serial: int, *members: str) -> TrustFile:
    """The next trust file, with these members suspended."""
    out = tuple(replace(each, status=Status.SUSPENDED) if each.id in members else each for each in data.members)
    return TrustFile(replace(data, serial=serial, members=out))
