"""Who claims an outcome, while more than one does.

A strong key that is claimed for two learners is *contested*: both claims are kept, nothing is merged, and
only the presiding unit's `clear` ends it.  The claims stand in the outcome's own row (`OutcomeRow.claims`),
which every change that names the outcome reads anyway: an uncontested outcome costs nothing more.

Pure values; which cases hear of it is decided in `contests`.
"""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from gateway.storage.rows import ItemRow, OutcomeRow, TransferRow

CONTESTED: Final = "contested"
CLOSED_BY_CONTEST: Final = "outcome_contested"
"""Reason of an item that the ruling dismisses, or that finds too many claims before it."""
NOBODY: Final = "none"
CLAIMS_MAX: Final = 16
"""Claims that one contest holds; the next one is closed."""


class Claim(NamedTuple):
    """One case's claim.  `leaf` is the index of the leaf that made it; `live` is false once its item was closed, refused or recalled."""

    transfer: str
    learner: str
    leaf: int
    live: bool


def claims_of(row: OutcomeRow) -> tuple[Claim, ...]:
    """In the order they were made; none where the outcome is not contested."""
    return tuple(Claim(*each) for each in json.loads(row.claims)) if row.claims else ()


def written(claims: Iterable[Claim]) -> str:
    return json.dumps([list(claim) for claim in claims])


def live_claims(row: OutcomeRow) -> tuple[Claim, ...]:
    return tuple(claim for claim in claims_of(row) if claim.live)


def bar_to(found: OutcomeRow | None, item: ItemRow, learner: str) -> tuple[str, int | None]:
    """What keeps an item of `learner` from having its outcome alone, and the leaf that says so.

    "": nothing.  `contested`: another learner's claim; both are kept.  Anything else is the reason the item closes with.
    """
    if found is None:
        return "", None
    if found.state == "revoked":
        return "revoked", found.leaf
    if found.claims:
        return _bar_in_contest(found, learner)
    known = found.holder or found.last  # neither in a row that a ruling gave free
    if item.strength == "strong" and known and found.learner != learner:
        return CONTESTED, found.leaf
    return ("", None) if found.state == "available" else ("outcome_taken", found.leaf)


def _bar_in_contest(found: OutcomeRow, learner: str) -> tuple[str, int | None]:
    claims = claims_of(found)
    own = next((claim for claim in claims if claim.live and claim.learner == learner), None)
    if own is not None:
        return "outcome_taken", own.leaf
    if len(claims) >= CLAIMS_MAX:
        return CLOSED_BY_CONTEST, found.leaf
    return CONTESTED, next((claim.leaf for claim in claims if claim.live), found.leaf)


def reserved(found: OutcomeRow | None, item: ItemRow, row: TransferRow, leaf: int) -> OutcomeRow:
    """The outcome held by this case alone."""
    if found is None:
        return OutcomeRow(item.nf, "reserved", item.strength, row.id, row.learner, row.source, leaf, last=row.id)
    return found._replace(
        state="reserved", strength=item.strength, holder=row.id, learner=row.learner, source=row.source, leaf=leaf, last=row.id
    )


def with_claim(found: OutcomeRow, row: TransferRow, leaf: int) -> OutcomeRow:
    """The outcome claimed by this case as well.  The first contest turns whoever holds it, or held it last, into a claim too."""
    claims = claims_of(found) or (Claim(found.holder or found.last, found.learner, found.leaf or 0, bool(found.holder)),)
    others = (claim for claim in claims if claim.transfer != row.id)
    return found._replace(claims=written((*others, Claim(row.id, row.learner, leaf, live=True))), ver=found.ver + 1)


def without_claim(found: OutcomeRow, transfer: str) -> OutcomeRow:
    """One case claims it no more.  The contest stays, whoever is left: a person must say whose it is."""
    claims = claims_of(found)
    if not any(claim.live and claim.transfer == transfer for claim in claims):
        return found
    ended = (claim._replace(live=False) if claim.transfer == transfer else claim for claim in claims)
    row = found._replace(claims=written(ended), ver=found.ver + 1)
    return row._replace(state="available", holder="") if row.holder == transfer else row


def given_free(found: OutcomeRow) -> OutcomeRow:
    """No claim stands: the next one may have it, whoever's it is."""
    return found._replace(state="available", holder="", learner="", last="", claims="", ruled="", ver=found.ver + 1)


def given_to(found: OutcomeRow, row: TransferRow, leaf: int, *, state: str = "reserved") -> OutcomeRow:
    """One claim stands and no other is left."""
    return found._replace(
        state=state, holder=row.id, learner=row.learner, source=row.source, leaf=leaf, last=row.id, claims="", ruled="", ver=found.ver + 1
    )


def cases_named(outcomes: Iterable[OutcomeRow]) -> set[str]:
    """Every transfer that these outcomes name: their holders, present or last, and their claims."""
    found = {each for row in outcomes for each in (row.holder, row.last)} | {claim.transfer for row in outcomes for claim in claims_of(row)}
    return found - {""}
