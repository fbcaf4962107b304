"""The presiding unit's orders on what is stuck: one signed message each, its answer verified.

A lost answer is asked for with the same message: the same `jti` and contents, signed anew, get the stored answer.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from gateway.client.outgoing import sd_of
from gateway.client.prepared import MESSAGES_PATH, Submitted, post_proven
from gateway.client.receipts import Judge, Sent
from gateway.crypto.keys import SigningKey
from gateway.errors import PeerUnavailableError
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.envelope import seal
from gateway.federation.message import Content, HttpTarget
from gateway.federation.part_orders import PartOrder, part_scope
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX, MEDIA_JSON, MEDIA_XML
from gateway.mapping.documents import write
from gateway.model.documents import Clearance, ConsentWithdrawal, Order
from gateway.model.ports import Clock, IdSource
from gateway.model.scopes import consent_scope, integrity_scope
from gateway.model.transfer import Act

TRIES: Final = 3
PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Operator:
    """Who orders, with which key, at which gateway.  `url` has no path."""

    member: str
    key: SigningKey
    url: str
    judge: Judge
    channel: HttpsChannel
    clock: Clock
    ids: IdSource

    async def give(self, act: Act, transfer: str, order: Order, lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """Sign, send, verify.

        Raises PeerUnavailableError when no try was answered (nothing is known then), else what `submit` raises.
        """
        return await self._say(act, transfer, Content("order", write(order), MEDIA_XML, self.ids.secret()), lifetime, {})

    async def order_part(self, act: Act, order: PartOrder, lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """`erase`, `legal-hold`, `legal-release`.  Raises as `give`."""
        content = Content("order", order.write(), MEDIA_JSON, self.ids.secret())
        return await self._say(act, part_scope(order.part), content, lifetime, {})

    async def clear(self, outcome: str, ver: int, ruling: Clearance, lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """Rule on a contested outcome, at the version that was looked at.  Raises as `give`."""
        content = Content("ruling", write(ruling), MEDIA_XML, self.ids.secret())
        return await self._say(Act.CLEAR, outcome, content, lifetime, {"ver": ver})

    async def withdraw_consent(self, withdrawal: ConsentWithdrawal, lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """The learner takes back a consent that this member holds.  Raises as `give`."""
        content = Content("consent-withdrawal", write(withdrawal), MEDIA_XML, self.ids.secret())
        return await self._say(Act.CONSENT_WITHDRAW, consent_scope(self.member, withdrawal.consent_id), content, lifetime, {})

    async def agree(self, act: Act, scope: str, content: tuple[str, bytes], lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """An act on an agreement; `content` is its name and bytes.  Raises as `give`."""
        name, data = content
        return await self._say(act, scope, Content(name, data, MEDIA_XML, self.ids.secret()), lifetime, {})

    async def rule(
        self, act: Act, scope: str, contents: Sequence[tuple[str, bytes, str]], lifetime: timedelta = LIFETIME_HTTP_MAX
    ) -> Submitted:
        """An act on a version of a rule set; `contents` are names, bytes and media types.  Raises as `give`."""
        made = [Content(name, data, media_type, self.ids.secret()) for name, data, media_type in contents]
        return await self._say(act, scope, made[0], lifetime, {}, made[1:])

    async def flag(self, paper: bytes, lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """Set an integrity flag: its scope follows from the message's own id.  Raises as `give`."""
        jti = self.ids.jti()
        content = Content("flag", paper, MEDIA_JSON, self.ids.secret())
        return await self._say(Act.FLAG, integrity_scope(self.member, jti), content, lifetime, {}, jti=jti)

    async def about_flag(self, act: Act, scope: str, content: tuple[str, bytes], lifetime: timedelta = LIFETIME_HTTP_MAX) -> Submitted:
        """A word on a flag; `content` is its name and bytes.  Raises as `give`."""
        name, data = content
        return await self._say(act, scope, Content(name, data, MEDIA_JSON, self.ids.secret()), lifetime, {})

    async def _say(
        self,
        act: Act,
        scope: str,
        content: Content,
        lifetime: timedelta,
        claims: dict[str, Any],
        more: Sequence[Content] = (),
        *,
        jti: str = "",
    ) -> Submitted:
        jti, contents = jti or self.ids.jti(), [content, *more]
        sent = Sent(self.member, jti, act.value, tuple((each.name, sd_of(each), len(each.data)) for each in contents))
        url = self.url + MESSAGES_PATH
        left = TRIES
        while True:
            now = self.clock.now()
            token = seal(
                key=self.key, iss=self.member, aud=GATEWAY_ID, jti=jti, iat=now, exp=now + lifetime, act=act.value, contents=contents,
                http=HttpTarget("POST", url), scp=scope, **claims,
            )  # fmt: skip
            left -= 1
            try:
                return await post_proven(sent, url, token, contents, self.judge, self.channel, self.clock)
            except PeerUnavailableError:
                if not left:
                    raise
            await asyncio.sleep(PAUSE_S)
