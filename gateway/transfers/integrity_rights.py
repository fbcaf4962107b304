"""Who may set or read integrity flags, and on which outcomes: a bank that issued it, one that accepted it, one that the learner permits.

Deny by default: whoever has none of these rights hears what he would hear of something that does not exist.  A flag is about an
outcome as one learner brought it, so every right names both: where two learners claimed one number, each has his own.
Sentences: docs/protocol.md, PR-300 and PR-310 to PR-313.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.model.integrity import FlagState
from gateway.model.scopes import ConsentState
from gateway.model.transfer import CLOSED, ItemState, Refusal, State
from gateway.storage.flag_rows import FlagConsentRow, FlagRow
from gateway.storage.rows import ConsentRow, ItemRow, TransferRow
from gateway.transfers.acts import UNKNOWN, Presiding
from gateway.transfers.case import parties_of

PURPOSE: Final = "integrity"
"""What a consent is for that lets its recipient read, and set, flags on the records it names."""
ACCEPTED: Final = frozenset({ItemState.RECOGNISED, ItemState.RECALLING, ItemState.RECALLED})
ENDED = Refusal("consent.withdrawn", "授权已撤回", "the consent was withdrawn")
EXPIRED = Refusal("consent.expired", "授权未生效或已到期", "the consent is not in force now")


def covered_by_case(row: TransferRow, items: Iterable[ItemRow], member: str, at: str) -> frozenset[str]:
    """The outcomes of a case on which a bank may set flags: all for who issued them; for who accepts them what it recognised, and while
    it has the case to judge under the learner's consent all of them.
    """
    if member == row.source:
        return frozenset(item.nf for item in items if item.nf)
    if member != row.accepting:
        return frozenset()
    judging = State(row.state) not in CLOSED and not row.consent_withdrawn and row.consent_until > at
    return frozenset(item.nf for item in items if item.nf and (judging or item.state in ACCEPTED))


def readable_by_case(row: TransferRow, items: Sequence[ItemRow], member: str, at: str) -> frozenset[str]:
    """Those whose flags it may read: the facing bank's too, for it appeals on the learner's behalf whatever became of the case."""
    if member == row.facing:
        return frozenset(item.nf for item in items if item.nf)
    return covered_by_case(row, items, member, at)


def consent_right(permission: FlagConsentRow | None, consent: ConsentRow | None, member: str, at: str) -> Refusal | None:
    """Why a consent gives `member` no right now; for anybody but its recipient it does not exist."""
    if permission is None or consent is None or consent.recipient != member:
        return UNKNOWN
    if consent.state != ConsentState.GIVEN:
        return ENDED
    return EXPIRED if consent.until <= at else None


def covered_by_consent(permission: FlagConsentRow, source: str, record: str) -> bool:
    """Whether it names this record of this source bank."""
    return permission.source == source and record in json.loads(permission.records)


def shown_to(row: FlagRow, member: str) -> bool:
    """A lifted flag stains nobody: only who set or appealed it sees it still."""
    return row.state != FlagState.LIFTED or member in {row.setter, row.appealed_by}


def presiding_over_flag(row: FlagRow, case: TransferRow, presiding: Presiding) -> str | None:
    """The next in the rota that is no party: neither a bank of the case nor who set the flag; where all are, at least not that one."""
    return presiding(parties_of(case) | {row.setter}) or presiding(frozenset({row.setter}))


def speaks_for(row: FlagRow, case: TransferRow, member: str) -> bool:
    """The facing bank, for the learner (even where it set the flag itself), and the source bank of what another one has flagged."""
    return member == case.facing or (member == row.source and member != row.setter)
