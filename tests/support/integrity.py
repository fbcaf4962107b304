"""Integrity flags by hand: their messages, and the consent under which they are read."""

from dataclasses import dataclass
from typing import Any

from support.auditor import Books
from support.region import PERSON, Heard, Message, World
from support.stages import ACCEPTING, SOURCE, Stage

from gateway.mapping.documents import write
from gateway.model.documents import Consent, ConsentWithdrawal
from gateway.model.scopes import consent_scope, integrity_scope
from gateway.recognition.integrity import FlagPaper, write_flag, write_reason
from gateway.storage.flag_rows import FlagRow
from gateway.transferlog.leaf import Leaf

WORDS = {
    "flag-appeal": ("appeal", "clerical_error"), "flag-escalate": ("appeal", "not_heard"), "flag-uphold": ("ruling", "verified_again"),
    "flag-lift": ("ruling", "set_in_error"),
}  # fmt: skip
FRAUD = ("confirmed_fraud", "forged_document")
DUPLICATE = ("duplicate_claim", "claimed_twice")
REVOKED = ("revoked_certificate", "withdrawn_by_issuer")


def flag_message(world: World, iss: str, paper: FlagPaper | bytes, **claims: Any) -> Message:
    """`flag` as a bank would send it: its scope is that of its own id."""
    jti = str(claims.pop("jti", "") or world.ids.jti())
    data = paper if isinstance(paper, bytes) else write_flag(paper)
    return world.message(iss, "flag", [("flag", data)], jti=jti, **({"scp": integrity_scope(iss, jti)} | claims))


@dataclass
class Marker:
    """The banks' hands on the flags of one case."""

    world: World
    case: str
    nf: str

    @classmethod
    def of(cls, case: Stage, found: Books, place: int = 0) -> "Marker":
        return cls(case.world, case.transfer, found.items(case.transfer)[place].nf)

    async def flag(self, iss: str, said: tuple[str, str] = FRAUD, **changes: str) -> Heard:
        paper = FlagPaper(**({"outcome": self.nf, "kind": said[0], "reason": said[1], "transfer": self.case} | changes))
        return await self.world.send(flag_message(self.world, iss, paper))

    async def set(self, iss: str, said: tuple[str, str] = FRAUD) -> str:
        """A flag that must be taken; its scope."""
        heard = await self.flag(iss, said)
        assert heard.status == 202, heard.body
        return str(heard.body["flag"])

    def word(self, iss: str, act: str, scope: str, reason: str = "", **claims: Any) -> Message:
        name, usual = WORDS[act]
        return self.world.message(iss, act, [(name, write_reason(reason or usual))], scp=scope, **claims)

    async def say(self, iss: str, act: str, scope: str, reason: str = "") -> Heard:
        return await self.world.send(self.word(iss, act, scope, reason))

    async def must(self, iss: str, act: str, scope: str) -> Heard:
        heard = await self.say(iss, act, scope)
        assert heard.status == 200, heard.body
        return heard


def flags(found: Books) -> list[FlagRow]:
    sql = "SELECT f.*, p.wrapped FROM flag f LEFT JOIN part_key p ON p.part_id = f.transfer ORDER BY f.leaf"
    return [FlagRow(*row) for row in found.opened("flag_by_scope", sql)]


def reads(found: Books) -> list[Leaf]:
    return [leaf for leaf in found.leaves() if leaf.type == "record.read" and leaf.facts.get("what") == "integrity"]


def permission(world: World, recipient: str, records: tuple[str, ...], **changes: Any) -> tuple[Consent, Message, str]:
    """A consent for reading flags, registered by the facing bank: its text, its message and its scope."""
    told = world.consent(ACCEPTING, recipient, SOURCE, records, **({"purpose": "integrity"} | changes))
    scope = consent_scope(ACCEPTING, told.consent_id)
    contents = [("consent", write(told)), ("identity", write(PERSON))]
    return told, world.message(ACCEPTING, "consent", contents, scp=scope), scope


async def take_back(world: World, told: Consent) -> None:
    paper = [("consent-withdrawal", write(ConsentWithdrawal(told.consent_id, "learner_request", "")))]
    heard = await world.act(ACCEPTING, "consent-withdraw", paper, scp=consent_scope(ACCEPTING, told.consent_id))
    assert heard.status == 200, heard.body
