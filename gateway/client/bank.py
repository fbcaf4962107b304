"""What a connector asks of the bank behind it, and what it tells it.

Two banks stand behind connectors in this tree: the sandbox's (`gateway.simulator.banks`) and the one
made of folders (`gateway.client.folder_bank`).  Every question may be asked again after a crash, so
answers to the same transfer must not depend on how often it was asked: `post` books once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from gateway.model.documents import Consent, Decision, Identity, Request, Withdrawal
from gateway.model.local import LocalPart, PartManifest
from gateway.model.regional import RegionalPart

NO_MANIFEST = PartManifest()


@dataclass(frozen=True, slots=True)
class Supply:
    """One learner's part in the bank's own format.  `closed` maps a requested record the bank cannot give to its reason.

    `known_ids`: natural keys of the rows with the record ids they have, kept so that a row never gets another.
    """

    content: bytes
    media_type: str
    manifest: PartManifest = NO_MANIFEST
    account: str = ""
    closed: Mapping[str, str] = field(default_factory=dict)
    known_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Application:
    """What a learner asked for at this bank.  `supply` where this bank is the source; `consent_source` where it is not."""

    request: Request
    identity: Identity
    consent: Consent
    supply: Supply | None = None
    consent_source: Consent | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """Exactly one of the two is not empty; `none_reason` is a code of table `none_reason`."""

    account: str = ""
    none_reason: str = ""


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A record that awaits the decision; `credits` are its regional credits, None where no rule could compute them."""

    record: str
    kind: str
    credits: Decimal | None


@dataclass(frozen=True, slots=True)
class ReceivedCase:
    """A case that this bank has verified and is to decide.  `local` is the learner's part in the bank's own words."""

    transfer: str
    request: Request
    identity: Identity
    consent: Consent
    regional: RegionalPart
    local: LocalPart
    items: tuple[OpenItem, ...]


@dataclass(frozen=True, slots=True)
class Booked:
    """The bank's own reference of a booking, and the records it covers."""

    reference: str
    records: tuple[str, ...]


class Bank(Protocol):
    """Called from the connector's loop, one at a time; must return quickly."""

    def account_of(self, request: Request, identity: Identity) -> Account:
        """Which account of this bank the learner has, or none with the reason."""
        ...

    def supply(self, request: Request, identity: Identity) -> Supply | Withdrawal:
        """The learner's part with the requested records, or why this bank will not confirm."""
        ...

    def decide(self, case: ReceivedCase) -> Decision | None:
        """The decision over exactly `case.items`, or None while nobody has decided yet."""
        ...

    def post(self, transfer: str, role: str, decision: Decision) -> Booked:
        """Book the decision; `role` is `source` or `accepting`.  A second call for a transfer changes nothing."""
        ...

    def told(self, transfer: str, event: str) -> None:
        """A case has ended without anything to book: `rejected`, `withdrawn`, `decided` (all refused)."""
        ...
