"""Whether an outcome can be flagged, and flags that follow from another act.

The gateway knows what two acts mean, so it says it, in the same transaction and with the act's leaf as cause.  A revocation of what was
recognised already: the source bank's word, so the source bank is who set the flag.  A ruling by which another claim to the same
outcome stands: the presiding unit's word, against each claim that it dismissed (none where no claim stands: then the number was at
fault, and nobody).  Nobody signs twice for it and nobody can forget to; who disagrees appeals as ever.  Where a flag of the kind stands
already, or there are as many as there may be, none follows: the act itself is never refused for that.
Sentences: docs/protocol.md, PR-303, PR-317 and PR-318.
"""

from typing import Final

from gateway.federation.envelope import VerifiedMessage
from gateway.model.integrity import DISMISSED, VOIDED, FlagKind, FlagState
from gateway.model.scopes import integrity_scope
from gateway.model.transfer import Refusal
from gateway.storage.flag_rows import FlagRow
from gateway.storage.rows import ItemRow, TransferRow
from gateway.transfers.view import View

FLAGGED_LEAF: Final = "integrity.flagged"
PER_OUTCOME_MAX: Final = 16
"""Flags, lifted ones included, on one outcome of one learner."""
FLAGGED_ALREADY = Refusal("transfer.flagged_already", "该成果已有同类标记", "a flag of this kind stands on the outcome already")
TOO_MANY = Refusal("transfer.too_many_flags", "该成果的标记已达上限", "the outcome has as many flags as it may have")
REASONS: Final = {FlagKind.REVOKED: VOIDED, FlagKind.DUPLICATE: DISMISSED}


def may_flag(view: View, nf: str, learner: str, kind: str) -> Refusal | None:
    """One flag of a kind at a time; a lifted one is past.  Raises UnreadError where the learner's flags were not planned for."""
    rows = [row for row in view.flags.of(learner) if row.nf == nf]
    if any(row.kind == kind and row.state != FlagState.LIFTED for row in rows):
        return FLAGGED_ALREADY
    return TOO_MANY if len(rows) >= PER_OUTCOME_MAX else None


def derived_flag(
    view: View, case: TransferRow, item: ItemRow, kind: FlagKind, message: VerifiedMessage, setter: str, n: int
) -> FlagRow | None:
    """The flag that follows, its leaf the act's `n`-th and the log's next; None where none does.  Raises UnreadError."""
    if not item.nf or may_flag(view, item.nf, case.learner, kind) is not None:
        return None
    return FlagRow(
        integrity_scope(message.iss, message.jti, n), item.nf, case.learner, case.id, item.record, case.source, setter, kind.value,
        REASONS[kind], FlagState.FLAGGED.value, 1, 1, view.at_text, view.at_text, leaf=view.next_index,
    )  # fmt: skip
