"""Notices of what holds between members: a rule version published, withdrawn, expired; an agreement signed, suspended, resumed, ended.

The act itself is done and answered without them.  What is to be told follows from the leaves of the scope, so whoever looks owes it
once, under the lock, however often and by however many nodes it is seen.  A notice carries the leaf and its proof, nothing else; it is
ended by the member's `noted`.  Sentences: docs/protocol.md, PR-324 to PR-326.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from gateway.federation.envelope import VerifiedMessage
from gateway.model.canonical import jcs
from gateway.model.scopes import NEWS_EVENTS, RULE_EXPIRED
from gateway.storage.rows import OwedRow
from gateway.transfers.acts import NOT_ASKED, STATUS_DONE, UNKNOWN, earlier_answer, keep, refuse_unlogged
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.log_reading import LogReading
from gateway.transfers.owing import Owing
from gateway.transfers.steps import NewJti
from gateway.transfers.unit_of_work import Ledger
from gateway.transfers.view import View, Wants

EVENTS: Final[Mapping[str, str]] = {
    "rule.published": "rule_published",
    "rule.withdrawn": "rule_withdrawn",
    "agreement.signed": "agreement_signed",
    "agreement.suspended": "agreement_suspended",
    "agreement.resumed": "agreement_resumed",
    "agreement.ended": "agreement_ended",
}
"""Leaf type to what members are told."""
FRESH: Final = timedelta(days=30)
"""What is older is no news: a node that looks for the first time does not tell of years ago."""
assert frozenset({*EVENTS.values(), RULE_EXPIRED}) == NEWS_EVENTS


@dataclass(slots=True)
class Telling(Owing):
    """The messages owed about one scope."""

    view: View
    about: str

    @property
    def scope(self) -> str:
        return self.about

    def told(self, event: str, leaf: int) -> bool:
        """Whether it was owed before, to anybody."""
        return any(row.event == event and json.loads(row.claims).get("leaf") == leaf for row in self.owed())


@dataclass(frozen=True, slots=True)
class Announced:
    """The gateway owes one piece of news, unless somebody owed it since the reader looked."""

    about: str
    event: str
    leaf: int
    members: tuple[str, ...]
    new_jti: NewJti

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.about,))

    def apply(self, view: View) -> Answer:
        telling = Telling(view, self.about)
        if telling.told(self.event, self.leaf):
            return Answer(409, b"{}", b"")
        for member in self.members:
            telling.owe(self.new_jti(), member, "notify", self.event, {"event": self.event, "leaf": self.leaf})
        return Answer(200, b"{}", b"")


@dataclass(frozen=True, slots=True)
class NewsNoted:
    """A member has taken the notice."""

    message: VerifiedMessage
    secret: bytes

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.message.iss, self.message.jti),), transfers=(self.message.scp or "",))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message, telling = self.message, Telling(view, self.message.scp or "")
        if not any(row.lane == message.iss for row in telling.owed()):
            return refuse_unlogged(view, message, self.secret, UNKNOWN)
        irt = message.irt or ""
        if not telling.finish_owed(irt, message.iss, "notify") and not telling.finish_owed_again(irt, message.iss):
            return refuse_unlogged(view, message, self.secret, NOT_ASKED)
        return keep(view, message, Answer(STATUS_DONE, jcs(head_of(message)), self.secret), telling.scope)


async def news_notice(row: OwedRow, ledger: Ledger, reading: LogReading) -> bytes:
    """The content `notice`: what happened, the leaf that says so, and its proof."""
    index = json.loads(row.claims)["leaf"]
    size, _ = await ledger.head()
    leaf, proof = (await reading.entries(index, index + 1))[0], await ledger.proof(index, size)
    return jcs({"v": 1, "event": row.event, "leaf": base64.b64encode(leaf).decode("ascii"), "proof": proof})
