"""What an auditor does with a gateway's folder: read every row, audit the log, check receipts, sum the credits.

It reads the database file over a connection of its own and trusts nothing the gateway says of itself.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.region import Heard, Message, World

from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import verify_ed25519
from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import TrustError
from gateway.federation.envelope import VerifiedMessage, open_envelope, unseal
from gateway.federation.message import RawContent
from gateway.federation.registry import TrustFile
from gateway.model.canonical import jcs, unb64url
from gateway.storage.rows import ItemRow, MessageRow, OutcomeRow, TransferRow
from gateway.storage.sealed_rows import Opener
from gateway.transferlog.audit import AuditReport, LogSource, audit
from gateway.transferlog.checkpoint import Checkpoint, Verifier, decode_vkey
from gateway.transferlog.continuity import Fault
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.proof import verify_receipt_proof
from gateway.transferlog.tiles import rows_reader
from gateway.transfers.claims import live_claims

Dump = dict[str, list[tuple[Any, ...]]]
BUSINESS = {
    "transfer": "SELECT * FROM transfer ORDER BY id",
    "item": "SELECT * FROM item ORDER BY transfer, position",
    "outcome": "SELECT * FROM outcome ORDER BY nf",
    "content": "SELECT iss, jti, name, transfer, sd FROM content ORDER BY iss, jti, name",
    "part_key": "SELECT * FROM part_key WHERE transfer <> '' ORDER BY part_id",
    "owed": "SELECT * FROM owed ORDER BY jti",
    "consent": "SELECT * FROM consent ORDER BY controller, id",
    "enquiry": "SELECT * FROM enquiry ORDER BY id",
    "agreement": "SELECT * FROM agreement ORDER BY scope",
    "rule_version": "SELECT * FROM rule_version ORDER BY scope",
    "rule_file": "SELECT * FROM rule_file ORDER BY scope",
    "handover": "SELECT * FROM handover ORDER BY scope",
    "flag": "SELECT * FROM flag ORDER BY scope",
    "flag_shelf": "SELECT * FROM flag_shelf ORDER BY learner",
    "flag_consent": "SELECT * FROM flag_consent ORDER BY scope",
    "member": "SELECT * FROM member ORDER BY member",
    "member_key": "SELECT * FROM member_key ORDER BY kid",
}
COUNTED = ("message", "log_entry", "log_key")


class Books:
    """The database file, read beside the running gateway."""

    def __init__(self, file: Path) -> None:
        master = file.parents[1] / "keys" / "master.key"
        self._opener = Opener(KeyEncryptionKey.load(master) if master.is_file() else None)
        self._connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)

    def close(self) -> None:
        self._connection.close()

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, values).fetchall()

    def dump(self) -> Dump:
        """Every business row, and how many messages and leaves there are."""
        found = {table: self.rows(sql) for table, sql in BUSINESS.items()}
        return found | {table: self.rows(f"SELECT COUNT(*) FROM {table}") for table in COUNTED}

    def opened(self, query: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows as the named query gives them, what is sealed in them open: `sql` takes the part's key as its last column."""
        return self._opener.rows(query, self.rows(sql, *values))

    def answers(self) -> list[MessageRow]:
        """Every stored answer."""
        sql = "SELECT m.*, p.wrapped FROM message m LEFT JOIN part_key p ON p.part_id = m.part_id ORDER BY m.iss, m.jti"
        return [MessageRow(*row) for row in self.opened("messages_by_key", sql)]

    def transfer(self, id: str) -> TransferRow:
        return next(row for row in self.transfers() if row.id == id)

    def transfers(self) -> list[TransferRow]:
        sql = "SELECT t.*, p.wrapped FROM transfer t LEFT JOIN part_key p ON p.part_id = t.id"
        return [TransferRow(*row) for row in self.opened("transfers_by_id", sql)]

    def items(self, transfer: str) -> list[ItemRow]:
        sql = "SELECT i.*, p.wrapped FROM item i LEFT JOIN part_key p ON p.part_id = i.transfer WHERE i.transfer = ? ORDER BY i.position"
        return [ItemRow(*row) for row in self.opened("items_by_transfer", sql, transfer)]

    def outcomes(self) -> list[OutcomeRow]:
        return [OutcomeRow(*row) for row in self.rows("SELECT * FROM outcome")]

    def leaves(self) -> list[Leaf]:
        return [parse_leaf(row[0]) for row in self.rows("SELECT leaf FROM log_entry ORDER BY idx")]

    def size(self) -> int:
        return int(self.rows("SELECT size FROM log_head")[0][0])

    def audit(self, trust: TrustFile | None = None) -> AuditReport:
        """The whole log, hash by hash and leaf by leaf; with a trust file each envelope's signature too."""
        (size, root, _at), *_ = self.rows("SELECT size, root, at FROM log_head")

        def tile(id: int) -> bytes | None:
            found = self.rows("SELECT data FROM log_tile WHERE id = ?", id)
            return found[0][0] if found else None

        def entries(first: int, end: int) -> Sequence[bytes]:
            return [row[0] for row in self.rows("SELECT leaf FROM log_entry WHERE idx >= ? AND idx < ? ORDER BY idx", first, end)]

        def check(index: int, leaf: Leaf) -> Fault | None:
            return envelope_fault(trust, index, leaf) if trust is not None and leaf.envelope else None

        source = LogSource(size, root, self.rows("SELECT idx, leaf FROM log_entry ORDER BY idx"), rows_reader(tile, entries))
        return audit(source, check=check)


def envelope_fault(trust: TrustFile, index: int, leaf: Leaf) -> Fault | None:
    """Whether the leaf's envelope is signed by its actor, over its act, scope and contents."""
    try:
        opened = open_envelope(leaf.envelope, keys=trust.finder(datetime.fromisoformat(leaf.at), index))
    except TrustError as error:
        return Fault("transferlog.envelope", "信封不成立", f"leaf {index}: {error.code}")
    said = (opened.iss, opened.jti, opened.kid, tuple((each["name"], each["sd"], each["length"]) for each in opened.claims["con"]))
    return None if said == (leaf.iss, leaf.jti, leaf.kid, leaf.content) else Fault("transferlog.envelope", "信封与叶不符", f"leaf {index}")


@asynccontextmanager
async def books(world: World) -> AsyncIterator[Books]:
    found = Books(world.folder / "data" / "gateway.db")
    try:
        yield found
    finally:
        found.close()


def changed(before: Dump, after: Dump) -> dict[str, tuple[list[Any], list[Any]]]:
    """Rows that went and rows that came, by table."""
    return {
        table: ([row for row in before[table] if row not in after[table]], [row for row in after[table] if row not in before[table]])
        for table in before
        if before[table] != after[table]
    }


# ---------------------------------------------------------------- answers


def answer_of(body: Mapping[str, Any]) -> bytes:
    """The bytes that the receipt is about."""
    return jcs({name: value for name, value in body.items() if name != "receipt"})


def log_verifier(trust: TrustFile) -> Verifier:
    return Verifier(decode_vkey(trust.data.gateway.log_vkey), verify_ed25519)


@dataclass(frozen=True)
class Proven:
    leaf: Leaf
    checkpoint: Checkpoint


def prove(trust: TrustFile, body: Mapping[str, Any]) -> Proven:
    """Check a receipt as a bank would: leaf in the log under the log's key, this very answer in the leaf.  Raises what does not hold."""
    receipt = body["receipt"]
    raw = unb64url(receipt["leaf"])
    checkpoint = verify_receipt_proof(raw, receipt["proof"], [log_verifier(trust)])
    leaf = parse_leaf(raw)
    assert leaf.answer == salted_digest(unb64url(receipt["answer_secret"]), answer_of(body)), "the leaf is about another answer"
    return Proven(leaf, checkpoint)


def check_receipt(world: World, message: Message, heard: Heard) -> Proven:
    """The receipt proves, and its leaf says exactly what was sent and answered."""
    proven = prove(world.trust, heard.body)
    leaf, body = proven.leaf, heard.body
    assert leaf.envelope == message.token
    assert leaf.content == tuple((each.name, salted_digest(each.secret, each.data), len(each.data)) for each in message.contents.values())
    assert dict(body["digest"]) == {name: sd for name, sd, _ in leaf.content}
    assert (leaf.iss, leaf.jti, leaf.status, leaf.n) == (body["iss"], message.jti, heard.status, 0)
    return proven


def check_refusal(world: World, message: Message, heard: Heard, iss: str) -> VerifiedMessage:
    """A refusal without a leaf is the gateway's signed word, bound to the message and its digests."""
    receipt = heard.body["receipt"]
    assert receipt.keys() == {"answer_secret", "refusal"}
    raw = RawContent("refusal", answer_of(heard.body), "application/json", unb64url(receipt["answer_secret"]))
    keys = world.trust.finder(world.clock.now())
    said = unseal(receipt["refusal"], {"refusal": raw}, keys=keys, audience=iss, http=None)
    assert (said.iss, said.act, said.irt) == ("CN-YRD", "refusal", message.jti)
    assert heard.body["digest"] == {name: message.sd(name) for name in message.contents}
    return said


def proven_codes(body: Mapping[str, Any]) -> list[str]:
    return [problem["code"] for problem in body["problem"]["problems"]]


# ---------------------------------------------------------------- conservation

TOTAL_OF = {
    "claimed": "pending", "recognised": "recognised", "refused": "refused", "closed": "closed", "recalling": "recognised",
    "recalled": "closed",
}  # fmt: skip


def check_holders(found: Books) -> dict[str, str]:
    """Which transfer holds each outcome, by the items; one at most, and beside it only what is contested, which the outcomes say too."""
    holders: dict[str, str] = {}
    spent = {(outcome.nf, outcome.holder): outcome.state for outcome in found.outcomes()}
    contested: set[tuple[str, str]] = set()
    for row in found.transfers():
        for item in found.items(row.id):
            if item.contested:
                contested.add((item.nf, row.id))
                if (item.nf, row.id) in spent:
                    holders[item.nf] = row.id
                continue
            unbooked = item.state in {"refused", "closed"} and spent.get((item.nf, row.id)) == "redeemed"  # reversal not booked yet
            if item.nf and (item.state in {"claimed", "recognised"} or unbooked):
                assert item.nf not in holders, "two transfers hold one outcome"
                holders[item.nf] = row.id
    assert contested == {(outcome.nf, claim.transfer) for outcome in found.outcomes() for claim in live_claims(outcome)}
    return holders


def check_books(found: Books, redeemed_before: Iterable[str] = ()) -> set[str]:
    """Credits add up everywhere, outcomes have one holder at most, nothing redeemed came back.  Gives the redeemed outcomes."""
    last: dict[str, Leaf] = {}
    for leaf in found.leaves():
        if leaf.totals is not None:
            last[leaf.scope] = leaf
    for row in found.transfers():
        items = found.items(row.id)
        sums = dict.fromkeys(("submitted", "recognised", "refused", "closed", "pending"), Decimal(0))
        for item in items:
            amount = Decimal(item.credits or "0")
            sums["submitted"] += amount
            sums[TOTAL_OF[item.state]] += amount
        assert sums["submitted"] == sums["recognised"] + sums["refused"] + sums["closed"] + sums["pending"]
        assert {name: Decimal(value) for name, value in json.loads(row.totals).items() if name in sums} == sums
        assert {name: Decimal(value) for name, value in (last[row.id].totals or {}).items()} == sums
        assert last[row.id].items == tuple(sorted((item.cm, item.nf, item.state) for item in items))
        assert (last[row.id].state_after, last[row.id].ver, last[row.id].seq + 1) == (row.state, row.ver, row.seq)
    holders = check_holders(found)
    redeemed = set()
    for outcome in found.outcomes():
        if outcome.state == "revoked":  # void in whatever case names it
            assert outcome.holder == "", outcome
            continue
        held = outcome.state in {"reserved", "redeemed"}
        assert outcome.holder == (holders.get(outcome.nf, "") if held else ""), outcome
        assert held == (outcome.nf in holders)
        if outcome.state == "redeemed":
            redeemed.add(outcome.nf)
    assert set(redeemed_before) <= redeemed, "a redeemed outcome was given back"
    return redeemed


# ---------------------------------------------------------------- parts with records of their own


def shanghai_part(*records: str, score: int = 86, account: str = "100238845511") -> bytes:
    """A push with one course of 4 local credits for each record id."""
    courses = [
        {
            "credit_outer_id": record, "course_name": "管理学基础", "course_property": 30, "course_result_code": 40, "course_score": score,
            "course_season": 50, "course_subject": "行政管理", "course_year": "2023", "credit": 4, "credit_hour": 64,
            "experience_time": "2023-07-05 00:00:00", "inst_name": "上海开放大学黄浦分校", "learning_stage": 21,
        }
        for record in records
    ]  # fmt: skip
    push = {
        "channel": "shcreditbank", "cb_id": account, "trace_no": "20240703102233000017", "pushed_at": "2024-07-03 10:22:33",
        "credit": courses, "credit_num": len(courses),
    }  # fmt: skip
    return json.dumps(push, ensure_ascii=False).encode()
