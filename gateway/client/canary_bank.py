"""What stands before every bank of a connector: canaries are answered here, everything else is the bank's.

It takes the case and refuses every item, so nothing is recognised, nobody is troubled, and the record is free for the next canary.
What is not probed therefore: the bank's own decision and its bookings.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from gateway.client.bank import Account, Bank, Booked, Held, ReceivedCase, Supply
from gateway.model.canary import is_canary
from gateway.model.documents import Decision, DecisionItem, Enquiry, Identity, Listing, Request, Verdict, Withdrawal
from gateway.model.units import Credits

ACCOUNT: Final = "CANARY"


class CanaryBank:
    """Implements `gateway.client.bank.Bank` before another: answers canaries itself and asks the bank about everything else."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def account_of(self, request: Request, identity: Identity) -> Account:
        if is_canary(request.programme_code):
            return Account(ACCOUNT) if identity.synthetic else Account(none_reason="no_account")
        return self._bank.account_of(request, identity)

    def decide(self, case: ReceivedCase) -> Decision | Withdrawal | None:
        if not is_canary(case.request.programme_code):
            return self._bank.decide(case)
        items = tuple(
            DecisionItem(item.record, Verdict.REFUSED, Credits(Decimal(0)), "", "", "", "not_in_programme", "canary", "探测", "a probe")
            for item in case.items
        )
        return Decision(case.request.programme_code, case.request.applied_at, "canary", items)

    def post(self, transfer: str, role: str, decision: Decision) -> Booked | Withdrawal | None:
        if is_canary(decision.programme_code):
            return Booked(f"canary-{transfer[:16]}", ())
        return self._bank.post(transfer, role, decision)

    def supply(self, request: Request, identity: Identity) -> Supply | Withdrawal:
        return self._bank.supply(request, identity)

    def held(self, enquiry: Enquiry, identity: Identity) -> Held | Withdrawal:
        return self._bank.held(enquiry, identity)

    def listed(self, enquiry: str, listing: Listing) -> None:
        self._bank.listed(enquiry, listing)

    def recalled(self, transfer: str, records: Sequence[str]) -> Booked | None:
        return self._bank.recalled(transfer, records)

    def edition(self) -> str:
        return self._bank.edition()

    def gone(self, request: Request, identity: Identity) -> Mapping[str, str]:
        return self._bank.gone(request, identity)

    def doubts(self, transfer: str, records: Mapping[str, str]) -> None:
        self._bank.doubts(transfer, records)

    def told(self, transfer: str, event: str) -> None:
        self._bank.told(transfer, event)
