"""A client assertion counts once: its `jti` is kept like a message's, by the same committer."""

from dataclasses import dataclass
from hashlib import sha256

from gateway.storage.committer import Committer
from gateway.storage.rows import MessageRow
from gateway.transfers.answers import Answer
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import View, Wants

ACT = "token"


@dataclass(frozen=True, slots=True)
class AssertionUsed:
    """Status 200 the first time, 409 after."""

    member: str
    jti: str

    @property
    def wants(self) -> Wants:
        return Wants(messages=((self.member, self.jti),))

    def apply(self, view: View) -> Answer:
        if (self.member, self.jti) in view.messages:
            return Answer(409, b"{}", b"")
        view.add_message(MessageRow(self.member, self.jti, "", ACT, "", view.at_text, 200, b"{}", b"", None, None))
        return Answer(200, b"{}", b"")


async def use_assertion(committer: Committer[Change, Answer], member: str, jti: str) -> bool:
    """Whether this assertion was not used before.  Its id is hashed, since it is the client's free text."""
    answer = await committer.submit(AssertionUsed(member, "assertion:" + sha256(jti.encode()).hexdigest()))
    return answer.status == 200
