"""A seeded walk over every act, several transfers sharing outcomes: after each step the books balance, and nobody is named.

A failing walk prints its seed; the same seed gives the same walk.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
import structlog
from support.auditor import Books, books, check_books, check_receipt, shanghai_part
from support.region import Heard, Owed, World, acknowledgement, decision, posting, region, take

from gateway.mapping.documents import write
from gateway.model.documents import Acknowledgement, Confirmation, ConfirmationItem, Identity, Verdict, Withdrawal
from gateway.storage.rows import TransferRow

POOL = tuple(f"SHC{n:011d}" for n in range(24))
BANKS = ("CN-32", "CN-33", "CN-34")
STEPS = 210
CANARIES = (Identity("11010519491231002X", "卡那里乙", True), Identity("320508198811113025", "𠮷卡那里", True))


@dataclass
class Walk:
    world: World
    found: Books
    chance: random.Random
    ver: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    forwards: dict[str, Owed] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def pick(self, state: str) -> TransferRow | None:
        rows = [row for row in self.found.transfers() if row.state == state]
        return self.chance.choice(sorted(rows)) if rows else None

    async def send(self, name: str, iss: str, act: str, contents: list[tuple[str, bytes]], **claims: object) -> Heard:
        message = self.world.message(iss, act, contents, **claims)
        heard = await self.world.send(message)
        if "leaf" in heard.body["receipt"]:
            check_receipt(self.world, message, heard)
        self.done[f"{name} {heard.status}"] = self.done.get(f"{name} {heard.status}", 0) + 1
        return heard

    async def open(self) -> None:
        records = tuple(sorted(self.chance.sample(POOL, self.chance.randint(1, 3))))
        accepting = self.chance.choice(BANKS)
        part = shanghai_part(*records) if self.chance.random() < 0.6 else None
        message = self.world.request("CN-31", accepting, records, part, identity=self.chance.choice(CANARIES))
        heard = await self.world.send(message)
        assert heard.status in {202, 409}, heard.body
        self.done[f"open {heard.status}"] = self.done.get(f"open {heard.status}", 0) + 1

    async def confirm(self) -> None:
        for owed in await take(self.world, "CN-31"):
            if owed.act != "fetch" or self.found.transfer(owed.transfer).state != "confirming":
                continue
            records = [item.record for item in self.found.items(owed.transfer)]
            if self.chance.random() < 0.2:
                paper = [("refusal", write(Withdrawal("other", "")))]
                await self.send("decline", "CN-31", "decline", paper, scp=owed.transfer, irt=owed.jti)
                return
            items = tuple(ConfirmationItem(record, "revoked" if self.chance.random() < 0.2 else "") for record in records)
            contents = [("confirmation", write(Confirmation("100238845511", items))), ("part", shanghai_part(*records))]
            claims = {"scp": owed.transfer, "irt": owed.jti, "same_person": owed.sd["identity"]}
            heard = await self.send("confirm", "CN-31", "confirm", contents, **claims)
            assert heard.status == 200, heard.body
            return

    async def acknowledge(self) -> None:
        member = self.chance.choice(BANKS)
        for owed in await take(self.world, member):
            if owed.act == "forward":
                self.forwards[owed.transfer] = owed
                none = self.chance.random() < 0.1
                paper = acknowledgement(self.world)
                if none:
                    paper = [("acknowledgement", write(Acknowledgement("", "no_account", self.world.clock.now())))]
                claims = {"scp": owed.transfer, "irt": owed.jti, "posture": "none" if none else "account"}
                await self.send("acknowledge", member, "acknowledge", paper, **claims)
                return

    async def decide(self) -> None:
        row = self.pick("reviewing")
        if row is None:
            return
        verdicts = {}
        for item in self.found.items(row.id):
            if item.state == "claimed":
                amount = str(min(Decimal(item.credits or "0"), Decimal(self.chance.randint(0, 4))))
                verdicts[item.record] = (Verdict.RECOGNISED, amount) if self.chance.random() < 0.6 else (Verdict.REFUSED, "0")
        wrong = self.chance.random() < 0.2
        claims = {
            "scp": row.id,
            "ver": row.ver - wrong,
            "delivered": row.delivered_sd,
            "part": row.part_sd,
            "mapping": row.mapping.split("@"),
        }
        await self.send("decide", row.accepting, "decide", decision(self.world, verdicts), **claims)

    async def post(self) -> None:
        row = self.pick("posting")
        if row is None:
            return
        paper = posting(self.world, *(item.record for item in self.found.items(row.id) if item.state == "recognised"))
        if self.chance.random() < 0.5:
            await self.send("post", row.accepting, "posted", paper, scp=row.id, irt=row.decision_jti, posture="done")
            return
        for owed in await take(self.world, row.source):
            if (owed.transfer, owed.event) == (row.id, "decided"):
                await self.send("post", row.source, "posted", paper, scp=row.id, irt=owed.jti, posture="done")

    async def withdraw(self) -> None:
        row = self.chance.choice(sorted(self.found.transfers()) or [None])
        if row is not None and self.chance.random() < 0.5:
            await self.send("withdraw", row.facing, "withdraw", [("withdrawal", write(Withdrawal("other", "")))], scp=row.id)

    async def note(self) -> None:
        for member in ("CN-31", *BANKS):
            for owed in await take(self.world, member):
                if owed.act == "notify" and owed.event != "decided":
                    await self.send("note", member, "noted", [], scp=owed.transfer, irt=owed.jti)

    async def stray(self) -> None:
        """An act that does not fit, or does not read."""
        row = self.chance.choice(sorted(self.found.transfers()) or [None])
        if row is not None:
            act, name = self.chance.choice([("decide", "decision"), ("acknowledge", "acknowledgement"), ("posted", "posting")])
            member = self.chance.choice(("CN-31", *BANKS))
            await self.send("stray", member, act, [(name, b"<nothing/>")], scp=row.id)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_walk_when_acts_come_in_any_order_then_books_balance_after_every_step(tmp_path: Path, seed: int) -> None:
    lines: list[str] = []
    structlog.configure(processors=[lambda _logger, _name, event: lines.append(repr(event)) or repr(event)])
    async with region(tmp_path) as world, books(world) as found:
        walk = Walk(world, found, random.Random(seed))
        acts: list[Callable[[], object]] = [
            walk.open, walk.open, walk.confirm, walk.acknowledge, walk.acknowledge, walk.decide, walk.post, walk.withdraw, walk.note,
            walk.stray,
        ]  # fmt: skip
        redeemed: set[str] = set()
        before: dict[str, TransferRow] = {}
        items: dict[str, object] = {}
        for step in range(STEPS):
            world.clock.advance(seconds=walk.chance.randint(0, 30))
            await walk.chance.choice(acts)()  # type: ignore[misc]
            redeemed = check_books(found, redeemed)
            for row in found.transfers():
                old, now = before.get(row.id), (row.state, [(item.state, item.reason) for item in found.items(row.id)])
                if old is not None:
                    assert (row.ver > old.ver) == (now != items[row.id]), (seed, step, row)
                    assert row.ver >= old.ver
                before[row.id], items[row.id] = row, now
        report = found.audit(world.trust)
        assert report.ok, (seed, report.finding)
        if seed == 1:
            assert {"open 202", "open 409", "confirm 200", "acknowledge 200", "decide 200", "post 200"} <= walk.done.keys(), walk.done
    structlog.reset_defaults()
    assert_nobody_is_named(tmp_path / "data", lines)


def assert_nobody_is_named(folder: Path, lines: list[str]) -> None:
    """Not in any byte of the database file or its journal, nor in a log line: only sealed bytes hold who it is."""
    stored = b"".join(file.read_bytes() for file in folder.iterdir())
    assert len(stored) > 100_000
    for person in CANARIES:
        for text in (person.citizen_id, person.name):
            for encoding in ("utf-8", "utf-16-le", "gb18030"):
                assert text.encode(encoding) not in stored
            assert json.dumps(text)[1:-1].encode() not in stored
            assert all(text not in line for line in lines)


def test_search_when_a_name_is_stored_in_clear_then_it_is_found(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(bytes(200_000) + CANARIES[1].name.encode("gb18030"))
    with pytest.raises(AssertionError):
        assert_nobody_is_named(tmp_path, [])
    (tmp_path / "gateway.db").write_bytes(bytes(200_000))
    with pytest.raises(AssertionError):
        assert_nobody_is_named(tmp_path, [f"read {CANARIES[0].citizen_id}"])
    assert_nobody_is_named(tmp_path, ["read"])


async def test_answer_when_a_message_is_wrong_in_any_way_then_it_names_nobody(tmp_path: Path) -> None:
    """Refusals quote places and codes; who it is stays out of them, and out of the answer's stored bytes."""
    person = CANARIES[0]
    async with region(tmp_path) as world:
        answers = []
        for identity in (person, Identity(person.citizen_id[:-1] + "1", person.name, True), Identity("1" * 18, person.name, True)):
            answers.append((await world.send(world.request("CN-31", "CN-32", ("SHC1",), b"rubbish", identity=identity))).reply.body)
            part = shanghai_part("SHC1").replace("管理学基础".encode(), f"{person.name}{person.citizen_id}".encode())
            answers.append((await world.send(world.request("CN-31", "CN-32", ("SHC1", "SHC2"), part, identity=identity))).reply.body)
        for body in answers:
            assert person.name.encode() not in body
            assert person.citizen_id.encode() not in body
