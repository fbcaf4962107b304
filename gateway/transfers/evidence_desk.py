"""Evidence over the reading API: a party takes its case's bundle, and that it did stands in the case's own leaves first.

Written down before answered: the `record.read` leaf is committed, then the bundle is handed out.  A bundle without contents
discloses nothing and leaves no leaf.
"""

from dataclasses import dataclass
from typing import Any

from gateway.errors import FormatError
from gateway.federation.protocol import GATEWAY_ID
from gateway.model.ports import IdSource
from gateway.model.transfer import Role
from gateway.storage.committer import Committer
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transfers.acts import role_word
from gateway.transfers.answers import Answer
from gateway.transfers.case import Case
from gateway.transfers.evidence import READ, Evidence, Selection
from gateway.transfers.status import Status
from gateway.transfers.unit_of_work import Change
from gateway.transfers.view import LeafDraft, View, Wants


@dataclass(frozen=True, slots=True)
class EvidenceTaken:
    """A member is about to be given what was signed in a case."""

    transfer: str
    member: str
    jti: str
    form: str

    @property
    def wants(self) -> Wants:
        return Wants(transfers=(self.transfer,))

    def apply(self, view: View) -> Answer:
        case = Case.of(view, self.transfer)
        assert case is not None, "the reader has just seen it"
        row = case.row
        leaf = Leaf(
            type=READ, at=view.at_text, scope=row.id, seq=row.seq, iss=GATEWAY_ID, jti=self.jti, actor=self.member,
            role=role_word(case.roles_of(self.member) or frozenset({Role.PRESIDING})), deadline=row.deadline,
            facts={"what": "evidence", "form": self.form},
        )  # fmt: skip
        view.leaves.append(LeafDraft(view.next_index, row.id, row.seq, leaf.iss, leaf.jti, 0, leaf_bytes(leaf)))
        view.put_transfer(row._replace(seq=row.seq + 1))
        return Answer(200, b"{}", b"", view.next_index - 1)


@dataclass(frozen=True, slots=True)
class EvidenceDesk:
    """Bundles for members."""

    maker: Evidence
    status: Status
    committer: Committer[Change, Answer]
    ids: IdSource

    async def take(self, transfer: str, member: str, selection: Selection) -> dict[str, Any]:
        """Raises TransferError(`transfer.unknown`) to whoever may not see it, `transfer.no_such_item`; StorageError(`storage.erased`)."""
        await self.status.show(transfer, member)
        if selection.form != "bare":
            await self.maker.bundle(transfer, selection)  # what cannot be given is not logged as read
            await self.committer.submit(EvidenceTaken(transfer, member, self.ids.jti(), selection.form))
        return await self.maker.bundle(transfer, selection)


def selection_of(form: str, items: list[str], fields: list[str], *, identity: bool) -> Selection:
    """From a query.  Raises FormatError(`format.bad_selection`)."""
    numbers = tuple(int(each) for each in items if each.isascii() and each.isdigit() and len(each) <= 6)
    if form not in {"full", "learner", "bare"} or len(numbers) != len(items) or (form != "learner" and (items or fields or identity)):
        raise FormatError(
            "format.bad_selection",
            "form 为 full、learner 或 bare;item、field、identity 只用于 learner",
            "form is full, learner or bare; item, field and identity go with learner",
        )
    return Selection(form, numbers, tuple(fields[:100]), identity)
