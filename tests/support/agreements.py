"""Agreements by hand: their messages, and one brought to each of its states by the acts themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

from support.auditor import shanghai_part
from support.region import Heard, Message, World

from gateway.federation.members import TrustData
from gateway.mapping.documents import write
from gateway.model.documents import AgreementSignature, AgreementTerms, Withdrawal
from gateway.model.scopes import agreement_scope
from gateway.storage.rows import AgreementRow

SOURCE, ACCEPTING, STRANGER = "CN-31", "CN-32", "CN-34"
NEW = AgreementTerms("A-1", 1, SOURCE, ACCEPTING, ("COURSE",), date(2026, 1, 1), date(2027, 12, 31))
REASON = write(Withdrawal("other", "经商议"))
FOUNDING = f"{SOURCE}-{ACCEPTING}"
STATES = ("none", "proposed", "signed", "suspended", "changing", "ended", "founding")


def without_founding(data: TrustData) -> TrustData:
    """The region with no agreement from the first bank to the second."""
    return replace(data, agreements=tuple(each for each in data.agreements if each.id != FOUNDING))


def digest_of(terms: AgreementTerms) -> str:
    return sha256(write(terms)).hexdigest()


@dataclass
class Pact:
    """One agreement, and the two banks' hands."""

    world: World
    terms: AgreementTerms = NEW

    @property
    def scope(self) -> str:
        return agreement_scope(self.terms.source, self.terms.accepting, self.terms.agreement_id)

    def message(self, iss: str, act: str, document: bytes | None = None, **claims: Any) -> Message:
        """`act` is `propose`, `sign`, `suspend`, `resume` or `end`."""
        name = {"propose": "agreement", "sign": "signature"}.get(act, "reason")
        made = {"propose": lambda: write(self.terms), "sign": lambda: write(AgreementSignature(self.terms.version, digest_of(self.terms)))}
        data = document if document is not None else made.get(act, lambda: REASON)()
        return self.world.message(iss, f"agreement-{act}", [(name, data)], **({"scp": self.scope} | claims))

    async def do(self, iss: str, act: str, document: bytes | None = None, **claims: Any) -> Heard:
        return await self.world.send(self.message(iss, act, document, **claims))

    async def must(self, iss: str, act: str, status: int = 200) -> Heard:
        heard = await self.do(iss, act)
        assert heard.status == status, heard.body
        return heard

    async def signed(self) -> "Pact":
        """Proposed by the source bank, signed by the accepting bank."""
        heard = await self.do(self.terms.source, "propose")
        assert heard.status in {200, 202}, heard.body
        await self.must(self.terms.accepting, "sign")
        return self

    def next(self, **changes: Any) -> "Pact":
        """The version after this one."""
        return Pact(self.world, replace(self.terms, **{"version": self.terms.version + 1, **changes}))

    async def row(self) -> AgreementRow | None:
        rows = await self.world.gateway.database.fetch("agreements_all")
        return next((AgreementRow(*row) for row in rows if row[0] == self.scope), None)


async def pact(world: World, state: str, number: int) -> Pact:
    """A fresh agreement in `state`; `changing`: in force, with a next version proposed.  Of `founding` there is but one."""
    made = Pact(world, replace(NEW, agreement_id=FOUNDING if state == "founding" else f"A-{number}"))
    if state in {"none", "founding"}:
        return made
    await made.must(SOURCE, "propose", 202)
    if state == "proposed":
        return made
    await made.must(ACCEPTING, "sign")
    match state:
        case "suspended":
            await made.must(SOURCE, "suspend")
        case "changing":
            made = made.next()
            await made.must(SOURCE, "propose")
        case "ended":
            await made.must(ACCEPTING, "end")
    return made


def shown(heard: Heard) -> Mapping[str, Any]:
    """An answer without what is only the asker's."""
    return {name: value for name, value in heard.body.items() if name not in {"jti", "digest", "receipt"}}


def agreed(answer: Mapping[str, Any], scope: str) -> Mapping[str, Any]:
    """One of a listing."""
    (found,) = (each for each in answer["agreements"] if each["agreement"] == scope)
    return json.loads(json.dumps(found))


def opening(world: World, *records: str, **changes: object) -> Message:
    wanted = records or (f"SHC{world.ids.chance.randrange(10**11):011d}",)
    return world.request(SOURCE, ACCEPTING, wanted, shanghai_part(*wanted), **changes)


async def opens(world: World, *records: str) -> str:
    """`open`, or why not."""
    heard = await world.send(opening(world, *records))
    return "open" if heard.status == 202 else heard.code
