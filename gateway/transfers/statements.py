"""Statements under the lock: one revision is issued, and each bank countersigns it or says item by item where its books differ.

A statement is a scope of its own in the log.  Its leaf holds the digest of the document and the five totals; both banks are told by a
notice that carries the document, and their words are leaves of the same scope.  A new revision, for the cases of a month go on
after it, replaces the earlier one whole: words about that one no longer count.  Sentences: docs/protocol.md, PR-250 to PR-257.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway.federation.envelope import VerifiedMessage
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.canonical import jcs, jcs_known
from gateway.model.transfer import Refusal
from gateway.recognition.statement import EVENT, Difference, Statement, Word
from gateway.storage.part_rows import ContentLineRow
from gateway.storage.rows import ContentRow, PartKeyRow, StatementRow
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import NOT_ASKED, STATUS_DONE, UNKNOWN, earlier_answer, keep, refuse_unlogged, signed_fields
from gateway.transfers.answers import Answer, head_of
from gateway.transfers.owing import OPEN_OWED, Owing
from gateway.transfers.steps import NewJti
from gateway.transfers.view import LeafDraft, View, Wants

STALE = Refusal("transfer.stale_version", "对账单已有新的一版,请按新版答复", "there is a newer revision of this statement")
OTHER_BYTES = Refusal("transfer.other_bytes", "所答复的不是网关发出的对账单", "this is not the statement that was issued")
SIGNED = Refusal("transfer.wrong_state", "贵行已签署这一版", "your bank has signed this revision")


@dataclass(slots=True)
class Stating(Owing):
    """A statement open for change inside one batch.  Nothing is stored before `save`."""

    view: View
    row: StatementRow

    @classmethod
    def of(cls, view: View, scope: str) -> "Stating | None":
        row = view.statements.get(scope)
        return cls(view, row) if row is not None else None

    @property
    def scope(self) -> str:
        return self.row.id

    def is_party(self, member: str) -> bool:
        return member in {self.row.source, self.row.accepting}

    def signed_by(self, member: str) -> bool:
        return bool(self.row.signed_source if member == self.row.source else self.row.signed_accepting)

    def sign(self, member: str) -> None:
        if member == self.row.source:
            self.row = self.row._replace(signed_source=self.view.at_text)
        else:
            self.row = self.row._replace(signed_accepting=self.view.at_text)

    def disputed(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.row.disputed)
        return found

    def log(self, leaf: Leaf) -> bytes:
        data = leaf_bytes(leaf)
        self.view.leaves.append(LeafDraft(self.view.next_index, self.scope, leaf.seq, leaf.iss, leaf.jti, leaf.n, data))
        self.row = self.row._replace(seq=self.row.seq + 1)
        return data

    def save(self) -> None:
        """The state follows from the two banks' words."""
        state = "disputed" if self.disputed() else "signed" if self.row.signed_source and self.row.signed_accepting else "issued"
        self.row = self.row._replace(state=state, changed_at=self.view.at_text)
        self.view.put_statement(self.row)


@dataclass(frozen=True, slots=True)
class Issue:
    """The gateway issues a revision, unless another one was issued since the reader looked."""

    statement: Statement
    content: ContentRow
    lines: tuple[ContentLineRow, ...]
    part_key: PartKeyRow | None
    new_jti: NewJti

    @property
    def wants(self) -> Wants:
        scope = self.statement.scope
        return Wants(transfers=(scope,), statements=(scope,))

    def apply(self, view: View) -> Answer:
        made, content = self.statement, self.content
        before = view.statements.get(made.scope)
        if made.revision != (before.revision if before is not None else 0) + 1:
            return Answer(409, b"{}", b"")
        figures = made.figures
        stating = Stating(view, StatementRow(
            made.scope, made.source, made.accepting, made.period, made.revision, "issued", before.seq if before is not None else 0,
            made.size, view.at_text, view.at_text, view.next_index, content.jti, content.sd, json.dumps(figures.json(), sort_keys=True),
        ))  # fmt: skip
        index = view.next_index
        stating.log(Leaf(
            type="statement.issued", at=view.at_text, scope=made.scope, seq=stating.row.seq, iss=GATEWAY_ID, jti=content.jti,
            actor=GATEWAY_ID, role="gateway", content=((content.name, content.sd, content.length),), totals=figures.totals(),
            facts={
                "source": made.source, "accepting": made.accepting, "period": made.period, "revision": made.revision, "size": made.size,
                "transfers": figures.transfers, "awarded": format(figures.awarded, "f"),
                "uncounted": figures.lines["submitted"].uncounted, "points": format(figures.points, "f"),
            },
        ))  # fmt: skip
        stating.cancel_owed_event(EVENT)
        for member in (made.source, made.accepting):
            stating.owe(self.new_jti(), member, "notify", EVENT, {"event": EVENT, "statement": content.jti, "leaf": index})
        stating.save()
        view.put_contents((content,), self.lines)
        if self.part_key is not None:
            view.put_part_key(self.part_key)
        return Answer(200, b"{}", b"")


@dataclass(frozen=True, slots=True)
class Said:
    """A bank's word on a statement.  `differences` are there where it disputes it, with what the statement says of each item."""

    message: VerifiedMessage
    secret: bytes
    word: Word
    differences: tuple[Difference, ...]
    contents: tuple[ContentRow, ...]
    lines: tuple[ContentLineRow, ...]

    @property
    def wants(self) -> Wants:
        scope = self.message.scp or ""
        return Wants(messages=((self.message.iss, self.message.jti),), transfers=(scope,), statements=(scope,))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message = self.message
        stating = Stating.of(view, message.scp or "")
        if stating is None or not stating.is_party(message.iss):
            return refuse_unlogged(view, message, self.secret, UNKNOWN)
        refusal = self._refusal(stating)
        if refusal is not None:
            return refuse_unlogged(view, message, self.secret, refusal)
        return self._take(view, stating)

    def _refusal(self, stating: Stating) -> Refusal | None:
        row = stating.row
        if self.message.ver != row.revision or self.word.revision != row.revision:
            return replace(STALE, state=row.state, ver=row.revision)
        if self.word.sd != row.sd:
            return OTHER_BYTES
        return SIGNED if stating.signed_by(self.message.iss) else None

    def _take(self, view: View, stating: Stating) -> Answer:
        message, seq = self.message, stating.row.seq
        said = stating.disputed()
        said.pop(message.iss, None)
        facts: dict[str, str | int | bool] = {"revision": stating.row.revision}
        if self.differences:
            said[message.iss] = [list(each) for each in self.differences]
            facts["items"] = len(self.differences)
        else:
            stating.sign(message.iss)
        stating.row = stating.row._replace(disputed=json.dumps(said, sort_keys=True))
        for owed in list(stating.owed()):
            if owed.lane == message.iss and owed.event == EVENT and owed.state in OPEN_OWED:
                view.put_owed(owed._replace(state="done"))
        stating.save()
        body = jcs_known({**head_of(message), "statement": statement_json(stating.row)})
        answer = Answer(STATUS_DONE, body, self.secret, view.next_index)
        leaf = stating.log(Leaf(
            type="statement.disputed" if self.differences else "statement.signed", at=view.at_text, scope=stating.scope, seq=seq,
            iss=message.iss, jti=message.jti, facts=facts,
            **signed_fields(message, answer, "source" if message.iss == stating.row.source else "accepting"),
        ))  # fmt: skip
        view.put_statement(stating.row)
        view.put_contents(self.contents, self.lines)
        return keep(view, message, replace(answer, leaf_data=leaf), stating.scope)


@dataclass(frozen=True, slots=True)
class StatementNoted:
    """A bank has taken the notice of a statement and will say its word later."""

    message: VerifiedMessage
    secret: bytes

    @property
    def wants(self) -> Wants:
        scope = self.message.scp or ""
        return Wants(messages=((self.message.iss, self.message.jti),), transfers=(scope,), statements=(scope,))

    def apply(self, view: View) -> Answer:
        earlier = earlier_answer(view, self.message, self.secret)
        if earlier is not None:
            return earlier
        message = self.message
        stating = Stating.of(view, message.scp or "")
        if stating is None or not stating.is_party(message.iss):
            return refuse_unlogged(view, message, self.secret, UNKNOWN)
        irt = message.irt or ""
        if not stating.finish_owed(irt, message.iss, "notify") and not stating.finish_owed_again(irt, message.iss):
            return refuse_unlogged(view, message, self.secret, NOT_ASKED)
        body = jcs({**head_of(message), "statement": statement_json(stating.row)})
        return keep(view, message, Answer(STATUS_DONE, body, self.secret), stating.scope)


def statement_json(row: StatementRow) -> dict[str, Any]:
    """A statement as its two banks, and the centre, may see it; without its list of cases."""
    disputed: Mapping[str, list[Any]] = json.loads(row.disputed)
    return {
        "scope": row.id,
        "source": row.source,
        "accepting": row.accepting,
        "period": row.period,
        "revision": row.revision,
        "state": row.state,
        "size": row.size,
        "issued_at": row.issued_at,
        "leaf": row.leaf,
        "signed": {row.source: row.signed_source or None, row.accepting: row.signed_accepting or None},
        "disputed": {member: len(items) for member, items in disputed.items()},
        "figures": json.loads(row.figures),
    }
