"""What a bank makes of the estimate that came with a case: follow it, or say why not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.client.bank import OpenItem
from gateway.errors import SettingsError
from gateway.model.documents import Decision, DecisionItem, Verdict
from gateway.model.units import Credits
from gateway.recognition.proposal import Proposal, follows, in_short

UNIT: Final = "credit"
BY_POLICY: Final = "按本行认定政策(policy.toml),不按测算 / by this bank's policy, not by the estimate"


def by_proposal(proposal: Proposal | None, items: Sequence[OpenItem]) -> tuple[DecisionItem, ...] | None:
    """Each open item as it was proposed; None where there is no estimate of them all."""
    if proposal is None or any(each.record not in proposal.items for each in items):
        return None
    return tuple(_item(proposal, each.record) for each in items)


def _item(proposal: Proposal, record: str) -> DecisionItem:
    found = proposal.items[record]
    recognised = found.verdict is Verdict.RECOGNISED
    rule = f"{proposal.rules[0]}@{proposal.rules[1]}" + (f"/{found.rule}" if found.rule else "")
    awarded = format(found.awarded, "f") if recognised else ""
    courses = " ".join(found.courses)
    return DecisionItem(
        record, found.verdict, Credits(found.credits), awarded, UNIT if awarded else "", courses, found.reason, rule, found.words.zh,
        found.words.en,
    )  # fmt: skip


def explained(decision: Decision, proposal: Proposal | None) -> Decision:
    """The decision with its `departure` only where it departs.

    Raises SettingsError `settings.policy` where it does and nobody said why: the gateway would refuse it.
    """
    if proposal is None or follows(in_short(proposal), decision):
        return replace(decision, departure="")
    if not decision.departure.strip():
        en = "the decision departs from the estimate; say why in `departure`"
        raise SettingsError("settings.policy", "认定与测算不同,须在 departure 写明理由", en, reason=en)
    return decision
