"""What building an owed message changes: its contents are kept, or it is given up.  The building itself is `dispatch`'s."""

import json
from dataclasses import dataclass

from gateway.storage.part_rows import ContentLineRow
from gateway.storage.rows import ContentRow, OwedRow, ProposalRow
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case
from gateway.transfers.integrity_reads import FlagsShown
from gateway.transfers.owing import OPEN_OWED
from gateway.transfers.steps import NewJti
from gateway.transfers.view import View, Wants


@dataclass(frozen=True, slots=True)
class Prepared:
    """The contents of an owed message are built: keep them, and remember what was delivered."""

    row: OwedRow
    contents: tuple[ContentRow, ...]
    lines: tuple[ContentLineRow, ...]
    delivered_sd: str
    proposal: ProposalRow | None = None
    shown: FlagsShown | None = None

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.row.transfer,), flags=(self.shown.learner,) if self.shown is not None else ())

    def apply(self, view: View) -> Answer:
        present = next((each for each in view.owed.get(self.row.transfer, ()) if each.jti == self.row.jti), None)
        if present is None or present.state != "new":
            return Answer(409, b"{}", b"")
        if self.shown is not None:
            self.shown.log(view, self.row.lane)
        view.put_owed(present._replace(state=self.row.state, contents=self.row.contents))
        view.put_contents(self.contents, self.lines)
        if self.delivered_sd:
            transfer = view.transfers[self.row.transfer]
            view.put_transfer(transfer._replace(delivered_sd=self.delivered_sd, delivered_jti=self.row.jti))
            if self.proposal is not None:
                view.put_proposal(self.proposal)
            elif self.row.transfer in view.proposals:  # delivered anew, and nothing is proposed this time
                view.put_proposal(ProposalRow(self.row.transfer, "", "{}"))
        return Answer(200, b"{}", b"")


@dataclass(frozen=True, slots=True)
class Torn:
    """A message whose contents name a case that was erased after they were built: it is owed anew, to be built without that.

    What was itself erased is not.  A statement comes again as its next revision.
    """

    row: OwedRow
    new_jti: NewJti

    @property
    def wants(self) -> Wants:
        scope = (self.row.transfer,)
        return Wants(transfers=scope, fates=scope, statements=scope)

    def apply(self, view: View) -> Answer:
        scope = self.row.transfer
        present = next((each for each in view.owed.get(scope, ()) if each.jti == self.row.jti), None)
        if present is None or present.state not in OPEN_OWED:
            return Answer(409, b"{}", b"")
        view.put_owed(present._replace(state="cancelled"))
        case, statement, fate = Case.of(view, scope), view.statements.get(scope), view.fates.get(scope)
        if statement is not None:
            view.put_statement(statement._replace(torn=1))
        elif case is not None and (fate is None or not fate.erased_at):
            case.owe(self.new_jti(), present.lane, present.act, present.event, json.loads(present.claims))
        return Answer(200, b"{}", b"")


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A lost message that may not be sent again."""

    row: OwedRow

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.row.transfer,))

    def apply(self, view: View) -> Answer:
        present = next((each for each in view.owed.get(self.row.transfer, ()) if each.jti == self.row.jti), None)
        if present is None or present.state not in OPEN_OWED:
            return Answer(409, b"{}", b"")
        view.put_owed(present._replace(state="cancelled"))
        return Answer(200, b"{}", b"")
