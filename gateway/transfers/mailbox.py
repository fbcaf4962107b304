"""The mailbox of a member that polls: `collect` hands out what is owed, each message signed for this very poll."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import ConsentError, TrustError
from gateway.federation.envelope import VerifiedMessage, unseal
from gateway.federation.framing import RawMessage
from gateway.federation.message import HttpTarget
from gateway.federation.protocol import GATEWAY_ID, LIFETIME_HTTP_MAX
from gateway.model.canonical import Json, b64url, jcs
from gateway.model.transfer import Act
from gateway.transfers.dispatch import Dispatcher, Parcel
from gateway.transfers.notes import Collected
from gateway.transfers.receive import Receiver, Reply

HANDED_MAX = 16
HANDED_BYTES_MAX = 3 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Shares the receiver's believing and answering."""

    receiver: Receiver
    dispatcher: Dispatcher

    async def collect(self, raw: RawMessage, http: HttpTarget) -> Reply:
        """Answer a poll.  Raises TrustError for what is not authentic or not fresh."""
        receiver = self.receiver
        now = receiver.clock.now()
        message = unseal(raw.token, raw.contents, keys=receiver.registry.trust.finder(now), audience=GATEWAY_ID, http=http)
        message.check_fresh(now, LIFETIME_HTTP_MAX)
        if message.act != Act.COLLECT:
            raise TrustError("trust.bad_envelope", "此处只接受取件", "only `collect` is taken here")
        parcels = await self._parcels(message.iss)
        handed = tuple(parcel.row for parcel in parcels)
        answer = await receiver.committer.submit(Collected(message, receiver.ids.secret(), handed))
        if answer.status != 200 or answer.repeated:
            return await receiver.reply(message, answer)
        handed_out = set(json.loads(answer.body)["messages"])
        mine = [parcel for parcel in parcels if parcel.row.jti in handed_out]
        return Reply(message.iss, message.act, 200, self._body(message, mine, http), repeated=False)

    async def _parcels(self, member: str) -> list[Parcel]:
        """What is due, up to a bound on bytes; a message whose consent has run out stays where it is."""
        parcels: list[Parcel] = []
        size = 0
        for row in await self.dispatcher.due(member, HANDED_MAX):
            try:
                parcel = await self.dispatcher.parcel(row)
            except ConsentError:
                continue
            if parcel is None:
                continue
            size += sum(len(content.data) for content in parcel.contents)
            if parcels and size > HANDED_BYTES_MAX:
                break
            parcels.append(parcel)
        return parcels

    def _body(self, message: VerifiedMessage, parcels: Sequence[Parcel], http: HttpTarget) -> bytes:
        messages: list[Json] = [
            {
                "envelope": self.dispatcher.sign(parcel, http=http, irt=message.jti),
                "contents": [
                    {
                        "name": content.name,
                        "type": content.media_type,
                        "secret": b64url(content.secret),
                        "data": base64.b64encode(content.data).decode("ascii"),
                    }
                    for content in parcel.contents
                ],
            }
            for parcel in parcels
        ]
        return jcs({"v": 1, "irt": message.jti, "messages": messages})
