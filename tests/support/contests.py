"""Two learners with one certificate number: cases that claim it, the ruling, and what the banks are told.

The part is the Jiangsu sample, whose first sound record bears a skill certificate's number; only the learner's own number is
changed in it, so that two people bring one certificate.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.auditor import Books, books, check_books
from support.region import SAMPLES, Heard, Message, Owed, World, acknowledgement, decision, posting, region, take

from gateway.adapters.part_manifest import write_manifest
from gateway.mapping.documents import write
from gateway.model.documents import Clearance, Confirmation, ConfirmationItem, Correction, Identity, Verdict, Withdrawal
from gateway.model.local import PartManifest
from gateway.storage.rows import ItemRow, OutcomeRow

SOURCE, PRESIDING = "CN-32", "CN-33"
FIRST, SECOND = "CN-34", "CN-31"
"""Every case here comes from the bank whose turn it is, so the next one in the rota presides; the other two accept."""
JS = (SAMPLES / "jiangsu" / "samples" / "good" / "js-soap.xml").read_bytes()
OWNER = Identity("320508198811113025", "李䶮", synthetic=True)
OTHER = Identity("11010519491231002X", "王测试", synthetic=True)
THIRD = Identity("330106199512244027", "赵测试", synthetic=True)


def part_of(person: Identity) -> bytes:
    """The sample with another learner's number and name in it."""
    inner = re.search(rb"<js:data>(.*?)</js:data>", JS, re.DOTALL)
    assert inner is not None
    text = base64.b64decode(inner[1]).replace(OWNER.citizen_id.encode(), person.citizen_id.encode())
    assert OWNER.name.encode("gb18030") in text
    text = text.replace(OWNER.name.encode("gb18030"), person.name.encode("gb18030"))
    return JS.replace(inner[1], base64.encodebytes(text))


def manifest_of(records: Sequence[str]) -> PartManifest:
    return PartManifest("2024-07", dict(enumerate(records, 1)))


@dataclass
class Claimant:
    """One case that claims the number, and its banks' hands."""

    world: World
    found: Books
    person: Identity
    accepting: str
    transfer: str
    records: tuple[str, ...]
    body: dict[str, Any] = field(default_factory=dict)
    taken: dict[str, Owed] = field(default_factory=dict)

    @property
    def item(self) -> ItemRow:
        """Its item with the number that the whole country has once."""
        (item,) = (item for item in self.found.items(self.transfer) if item.strength == "strong")
        return item

    @property
    def outcome(self) -> OutcomeRow:
        (row,) = (row for row in self.found.outcomes() if row.nf == self.item.nf)
        return row

    @property
    def state(self) -> str:
        return self.found.transfer(self.transfer).state

    def leaf_types(self) -> list[str]:
        return [leaf.type for leaf in self.found.leaves() if leaf.scope == self.transfer]

    async def owed(self, member: str) -> list[Owed]:
        return [each for each in await take(self.world, member) if each.transfer == self.transfer]

    async def hear(self, member: str) -> list[tuple[str, dict[str, Any]]]:
        """Every notice that waits for a bank in this case, noted as it is taken: `(event, notice)`."""
        heard = []
        while True:
            notices = [each for each in await self.owed(member) if each.act == "notify"]
            if not notices:
                return heard
            for each in notices:
                self.taken[each.event] = each
                heard.append((each.event, json.loads(each.contents["notice"])))
                assert (await self.world.act(member, "noted", scp=self.transfer, irt=each.jti)).status == 200

    async def review(self) -> None:
        (forward,) = (each for each in await self.owed(self.accepting) if each.act == "forward")
        self.taken["forward"] = forward
        heard = await self.world.act(
            self.accepting, "acknowledge", acknowledgement(self.world), scp=self.transfer, irt=forward.jti, posture="account"
        )
        assert heard.status == 200, heard.body

    async def decide(self, verdict: Verdict = Verdict.RECOGNISED) -> Heard:
        """The numbered record by `verdict`, the others refused."""
        row, forward = self.found.transfer(self.transfer), self.taken["forward"]
        items = [item for item in self.found.items(self.transfer) if item.state == "claimed"]
        mine = (verdict, "0")
        verdicts: Mapping[str, tuple[Verdict, str]] = {
            item.record: mine if item.strength == "strong" else (Verdict.REFUSED, "0") for item in items
        }
        case = json.loads(forward.contents["case"])
        heard = await self.world.act(
            self.accepting, "decide", decision(self.world, verdicts), scp=self.transfer, ver=row.ver, delivered=forward.sd["local"],
            part=case["part_sd"], mapping=case["mapping"],
        )  # fmt: skip
        self.body = heard.body
        return heard

    async def post(self) -> None:
        """Both banks book the decision that stands."""
        jti = self.body["jti"]
        heard = await self.world.act(
            self.accepting, "posted", posting(self.world, self.item.record), scp=self.transfer, irt=jti, posture="done"
        )
        assert heard.status == 200, heard.body
        (notice,) = (each for each in await self.owed(SOURCE) if each.event == "decided")
        heard = await self.world.act(
            SOURCE, "posted", posting(self.world, self.item.record), scp=self.transfer, irt=notice.jti, posture="done"
        )
        assert heard.status == 200, heard.body

    async def book_recall(self) -> Heard:
        """The accepting bank takes the numbered record back."""
        await self.hear(self.accepting)
        notice = self.taken["recall"]
        return await self.world.act(
            self.accepting, "posted", posting(self.world, self.item.record), scp=self.transfer, irt=notice.jti, posture="done"
        )


def records_of(name: str) -> tuple[str, str]:
    return f"JS-{name}1", f"JS-{name}2"


def push_message(world: World, person: Identity, accepting: str, name: str) -> Message:
    records = records_of(name)
    return world.request(SOURCE, accepting, records, part_of(person), manifest=manifest_of(records), identity=person)


async def pushed(world: World, found: Books, person: Identity, accepting: str, name: str) -> Claimant:
    """The learner applied at the source bank, which sent the part along."""
    heard = await world.send(push_message(world, person, accepting, name))
    assert heard.status == 202, heard.body
    return Claimant(world, found, person, accepting, heard.body["transfer"], records_of(name), heard.body)


async def pulled(world: World, found: Books, person: Identity, accepting: str, name: str, **changes: Any) -> Claimant:
    """The learner applied at the accepting bank; the source bank was asked and has confirmed."""
    records = records_of(name)
    heard = await world.send(world.request(SOURCE, accepting, records, identity=person, **changes))
    case = Claimant(world, found, person, accepting, heard.body["transfer"], records)
    (fetch,) = await case.owed(SOURCE)
    contents = [
        ("confirmation", write(Confirmation("JS320519000421770", tuple(ConfirmationItem(record) for record in records)))),
        ("part", part_of(person)),
        ("manifest", write_manifest(manifest_of(records))),
    ]
    done = await world.act(SOURCE, "confirm", contents, scp=case.transfer, irt=fetch.jti, same_person=fetch.sd["identity"])
    assert done.status == 200, done.body
    case.body = done.body
    return case


def ruling(stands: Claimant | None) -> list[tuple[str, bytes]]:
    named = (stands.transfer, stands.item.record) if stands is not None else ("", "")
    return [("ruling", write(Clearance("other", "经核实", *named)))]


async def clear(outcome: OutcomeRow, stands: Claimant | None, world: World, iss: str = PRESIDING, **changes: Any) -> Heard:
    """The presiding unit's word on a contested outcome, at the version it stands at."""
    claims = {"scp": outcome.nf, "ver": outcome.ver} | changes
    return await world.act(iss, "clear", ruling(stands), **claims)


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[tuple[World, Books]]:
    """A region whose books balance and whose log holds when the test is through."""
    async with region(folder) as world, books(world) as found:
        yield world, found
        check_books(found)
        report = found.audit(world.trust)
        assert report.ok, report.finding


async def both(world: World, found: Books) -> tuple[Claimant, Claimant]:
    return await pushed(world, found, OWNER, FIRST, "A"), await pushed(world, found, OTHER, SECOND, "B")


def is_contested(*claims: Claimant) -> bool:
    return all(claim.item.contested and claim.item.state in {"claimed", "recognised", "recalling"} for claim in claims)


async def withdraw(case: Claimant) -> None:
    paper = [("withdrawal", write(Withdrawal("learner_request", "撤回")))]
    assert (await case.world.act(SOURCE, "withdraw", paper, scp=case.transfer)).status == 200


async def revoke(case: Claimant, *records: str) -> None:
    paper = [("revocation", write(Correction("other", "作废", records)))]
    assert (await case.world.act(SOURCE, "revoke", paper, scp=case.transfer)).status == 200


async def settled(world: World, found: Books) -> Claimant:
    """The first learner's claim, recognised and booked by both banks."""
    case = await pushed(world, found, OWNER, FIRST, "A")
    await case.review()
    assert (await case.decide()).status == 200
    await case.post()
    assert case.state == "settled"
    return case
