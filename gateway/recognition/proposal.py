"""The content `proposal` of a delivered case: the estimate by the accepting bank's own rules, as the gateway sends it.

The bank's people read it beside the case; their decision names it by its digest and says why where it is another one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from gateway.errors import RecognitionError
from gateway.model.canonical import Json, jcs
from gateway.model.documents import Decision, Verdict
from gateway.recognition.words import Words

CONTENT: Final = "proposal"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Proposed:
    """What is proposed for one record: verdict, regional credits, courses, `awarded` credits in all, and the one sentence why."""

    verdict: Verdict
    credits: Decimal
    courses: tuple[str, ...]
    awarded: Decimal
    reason: str
    rule: str
    words: Words


@dataclass(frozen=True, slots=True)
class Proposal:
    """`estimate` is the whole document, for people; `items` by record id; `rules` the rule set and its version.

    `integrity` are flags on the items' outcomes, a hint beside the estimate.
    """

    rules: tuple[str, str]
    items: Mapping[str, Proposed]
    estimate: Mapping[str, Any]
    integrity: tuple[Mapping[str, Any], ...] = ()


def hint_of(flags: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """The member `integrity` of `case` and `proposal`; none where there is no flag."""
    return {"integrity": [dict(flag) for flag in flags]} if flags else {}


def write_proposal(estimate: Json, flags: Sequence[Mapping[str, Json]] = ()) -> bytes:
    """The content's bytes for the document of a quote."""
    return jcs({"v": VERSION, "estimate": estimate, **hint_of(flags)})


def read_proposal(content: bytes) -> Proposal:
    """Raises RecognitionError `recognition.bad_proposal` for anything but what `write_proposal` writes."""
    try:
        told = json.loads(content)
        estimate = told["estimate"]
        items = {str(item["record"]): _proposed(item) for item in estimate["items"]}
        if told["v"] != VERSION or len(items) != len(estimate["items"]):
            raise ValueError("another version, or a record twice")
        rules = str(estimate["rule_set"]), str(estimate["version"])
        return Proposal(rules, items, estimate, tuple(dict(flag) for flag in told.get("integrity", ())))
    except (ValueError, KeyError, TypeError, InvalidOperation) as error:
        raise RecognitionError("recognition.bad_proposal", "测算内容有误", "the proposal is not what it should be") from error


def _proposed(item: Mapping[str, Any]) -> Proposed:
    awards = item["awards"]
    return Proposed(
        Verdict(item["verdict"]),
        Decimal(item["recognised"]),
        tuple(str(award["course"]) for award in awards),
        sum((Decimal(award["credits"]) for award in awards), Decimal(0)),
        str(item["reason"]),
        str(item["rule"]),
        Words(str(item["in_short"]["zh"]), str(item["in_short"]["en"])),
    )


def follows(proposed: Mapping[str, tuple[str, str]], document: Decision) -> bool:
    """Whether every item of the decision has the verdict and the regional credits proposed for its record, `(verdict, credits)`."""
    for item in document.items:
        verdict, size = proposed.get(item.record, ("", "0"))
        if item.verdict.value != verdict or item.credits.value != Decimal(size):
            return False
    return True


def in_short(proposal: Proposal) -> dict[str, tuple[str, str]]:
    """By record id what `follows` compares with."""
    return {record: (item.verdict.value, str(item.credits)) for record, item in proposal.items.items()}
