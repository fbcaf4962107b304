"""What people of the centre do, each act a leaf: change, audit row and leaf are one transaction, or nothing has happened.

The leaf says in which role, which act, on what and when; who and why stand in it as one salted commitment, which the audit row opens
as long as it is kept.  There is no envelope: the gateway attests the act under the log's own key, and the person signs nothing.
What was refused, and signing in and out, changes nothing of the region: those are audit rows without a leaf (`people`).
All these leaves are one scope, so that its numbers tell whether an audit row is missing.
Sentences: docs/protocol.md, PR-376 to PR-380.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from gateway.federation.protocol import GATEWAY_ID
from gateway.model.people import RIGHTS, Person, Right
from gateway.model.ports import IdSource
from gateway.storage.committer import Committer
from gateway.storage.database import Database
from gateway.storage.people_rows import ActLeafRow, PersonActRow
from gateway.transferlog.leaf import Fact, Leaf, commit_record, leaf_bytes, parse_leaf
from gateway.transfers.answers import Answer
from gateway.transfers.people import DONE
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import LeafDraft, View, Wants

SCOPE: Final = "operators"
LEAF: Final = "operator.acted"
ACTS: Final = frozenset(
    {
        "alert.acknowledge", "alert.silence", "letter.note",
        "selection.freeze", "selection.approve", "selection.use", "selection.pause", "selection.go_on", "selection.stop",
    }
)  # fmt: skip
"""Acts that are leaves.  An audit row of one of them without its leaf is a difference (`ceg log rebuild`)."""


class Doing(Change, Protocol):
    """A change that a person makes: 200 where it was made.  `facts` are said of it in the leaf, nothing personal among them."""

    def facts(self, view: View) -> Mapping[str, Fact]: ...


@dataclass(frozen=True, slots=True)
class Acted:
    """A change, and on its success the row and the leaf of whose hand it was."""

    doing: Doing
    person: Person
    act: str
    object: str
    reason: str
    merge: str
    jti: str
    secret: bytes

    @property
    def wants(self) -> Wants:
        return replace(self.doing.wants, scopes=(SCOPE,))

    def apply(self, view: View) -> Answer:
        answer = self.doing.apply(view)
        if answer.status != 200:
            return answer
        seq, index = view.next_seq(SCOPE), view.next_index
        facts: dict[str, Fact] = {"act": self.act, "object": self.object, "cm": commitment(self.secret, self._who_and_why)}
        leaf = Leaf(
            type=LEAF, at=view.at_text, scope=SCOPE, seq=seq, iss=GATEWAY_ID, jti=self.jti, role=roles_of(self.person),
            facts={**self.doing.facts(view), **facts},
        )  # fmt: skip
        view.leaves.append(LeafDraft(index, SCOPE, seq, GATEWAY_ID, self.jti, 0, leaf_bytes(leaf)))
        view.put_person_act((self.merge, view.at_text, *self._row), ActLeafRow(self.merge, index, self.secret))
        return replace(answer, leaf=index)

    @property
    def _who_and_why(self) -> tuple[str, str, str]:
        return self.person.subject, self.person.member, self.reason

    @property
    def _row(self) -> tuple[str, ...]:
        words = " ".join(sorted(self.person.roles))
        return self.person.subject, words, self.person.member, self.act, self.object, DONE, self.reason


@dataclass(frozen=True, slots=True)
class Acting:
    """The door through which people's acts go."""

    committer: Committer[Change, Answer]
    ids: IdSource

    async def do(self, person: Person, act: str, object: str, reason: str, doing: Doing) -> Answer:
        """The change's own answer.  Raises StorageError: nothing has happened then."""
        assert act in ACTS, "an act without a leaf"
        ids = self.ids
        return await self.committer.submit(Acted(doing, person, act, object, reason, ids.jti(), ids.jti(), ids.secret()))


def roles_of(person: Person) -> str:
    """The roles by which somebody may act, as a leaf writes them."""
    return ".".join(sorted(role for role in person.roles if Right.OPERATE in RIGHTS[role]))


def commitment(secret: bytes, who_and_why: tuple[str, str, str]) -> str:
    """To a person, the member for whom that person acts ("" the centre), and the reason given."""
    return commit_record(secret, dict(zip(("person", "member", "reason"), who_and_why, strict=True)))


def disagreements(row: PersonActRow, secret: bytes, leaf: Leaf) -> list[tuple[str, object, object]]:
    """What a row says otherwise than its leaf: name, the leaf's value, the row's."""
    facts = leaf.facts
    asked: list[tuple[str, object, object]] = [
        ("leaf", LEAF, leaf.type),
        ("at", leaf.at, row.at),
        ("act", facts.get("act"), row.act),
        ("object", facts.get("object"), row.object),
        ("role", set(leaf.role.split(".")), set(row.roles.split()) & set(leaf.role.split("."))),
        ("cm", facts.get("cm"), commitment(secret, (row.person, row.member, row.reason))),
    ]
    return [each for each in asked if each[1] != each[2]]


@dataclass(frozen=True, slots=True)
class RowLeaf:
    """The leaf of one audit row: where it stands, what opens its commitment, and whether row and leaf agree."""

    index: int
    secret: bytes
    agrees: bool


@dataclass(frozen=True, slots=True)
class OperatorAudit:
    """The audit rows' other half, for whoever audits."""

    database: Database

    async def leaves(self, rows: Sequence[PersonActRow]) -> dict[str, RowLeaf]:
        """By `merge`, for those of these audit rows that have one.  Raises TransferLogError for a leaf that cannot be read."""
        by_merge = {row.merge: row for row in rows}
        found = await self.database.fetch("person_act_leaves", merges=json.dumps(sorted(by_merge)))
        return {
            merge: RowLeaf(index, secret, not disagreements(by_merge[merge], secret, parse_leaf(raw)))
            for merge, index, secret, raw in found
        }
