"""Questions that a member asks of each new leaf: is the signature in it its actor's, and does what stands there in this
bank's name stand in the bank's own book?

The first needs the trust file, the second the connector's store.  A fault is a value, as in an audit; the caller says at
which index.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.client.outgoing import sd_of
from gateway.client.store import Store
from gateway.errors import GatewayError
from gateway.federation.envelope import open_envelope
from gateway.federation.registry import TrustFile
from gateway.transferlog.continuity import Fault
from gateway.transferlog.leaf import Leaf

BY_CONNECTOR: Final = frozenset(
    f"transfer.{act}" for act in ("requested", "confirmed", "delivered", "decided", "posted", "settled", "asked", "supplemented", "amended")
)
"""What a bank sends through its connector alone.  Other acts people may sign by hand, with another tool and the same key."""


def signature_fault(trust: TrustFile, index: int, leaf: Leaf) -> Fault | None:
    """An act's leaf holds its actor's own envelope, under a key that held at that place."""
    if not leaf.envelope:
        return None
    try:
        opened = open_envelope(leaf.envelope, keys=trust.finder(datetime.fromisoformat(leaf.at), index))
    except GatewayError as error:
        return Fault("transferlog.bad_envelope", f"叶中信封不成立:{error.zh}", f"the envelope in the leaf does not hold: {error.code}")
    if (opened.iss, opened.jti, opened.kid) != (leaf.actor, leaf.jti, leaf.kid):
        return Fault("transferlog.bad_envelope", "叶中信封是另一方所签", "the envelope in the leaf was signed by somebody else")
    return None


@dataclass(frozen=True, slots=True)
class Book:
    """What this bank's connector sent."""

    member: str
    store: Store

    async def fault(self, leaf: Leaf) -> Fault | None:
        """A leaf with this bank's own act, that its connector did not send, or sent with other contents."""
        if leaf.iss != self.member or leaf.n or not leaf.envelope:
            return None
        row = await self.store.message(leaf.jti)
        if row is None:
            if leaf.type not in BY_CONNECTOR:
                return None
            return Fault("transferlog.not_in_book", "叶以本行名义,而本行未曾发送", "the leaf is in our name and was never sent by us")
        contents = await self.store.contents("out", row.jti)
        sent = tuple((each.name, sd_of(each), len(each.data)) for each in contents.values())
        if leaf.content != sent or (row.scope and leaf.type in BY_CONNECTOR and row.scope != leaf.scope):
            return Fault("transferlog.book_differs", "叶与本行所发内容不符", "the leaf holds something else than this bank sent")
        return None
