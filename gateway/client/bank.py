"""What a connector asks of the bank behind it, and what it tells it.

Two banks stand behind connectors in this tree: the sandbox's (`gateway.simulator.banks`) and the one
made of folders (`gateway.client.folder_bank`).  Every question may be asked again after a crash, so
answers to the same transfer must not depend on how often it was asked: `post` books once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from gateway.adapters.contract import FeedPart
from gateway.model.documents import Consent, Decision, Enquiry, Identity, Listing, Request, Withdrawal
from gateway.model.local import LocalPart, PartManifest
from gateway.model.regional import RegionalPart
from gateway.recognition.proposal import Proposal

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
class Held:
    """What a bank has of one learner, in its own format, as of a day.  `part` None: nothing.

    `known_ids`: natural keys of the rows with the record ids they have, as in `Supply`.
    """

    as_of: date
    part: FeedPart | None = None

    @property
    def known_ids(self) -> Mapping[str, str]:
        part = self.part
        return {} if part is None else {key: part.manifest.ids[row] for row, key in part.natural_keys.items() if row in part.manifest.ids}


@dataclass(frozen=True, slots=True)
class Question:
    """What this bank asks another one about a learner.  `consent` lets that bank be asked, for listing or recognition."""

    enquiry: Enquiry
    identity: Identity
    consent: Consent


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
    """A case that this bank has verified and is to decide.  `local` is the learner's part in the bank's own words.

    `state` is `reviewing`, or `disputed` where a decision was made before and is asked for again.
    """

    transfer: str
    request: Request
    identity: Identity
    consent: Consent
    regional: RegionalPart
    local: LocalPart
    items: tuple[OpenItem, ...]
    state: str = "reviewing"
    proposal: Proposal | None = None
    """What this bank's own published rules would make of it, reckoned by the gateway; None where nothing was proposed."""


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

    def held(self, enquiry: Enquiry, identity: Identity) -> Held | Withdrawal:
        """All this bank has of the learner, of which only a list will leave it, or why it gives none."""
        ...

    def listed(self, enquiry: str, listing: Listing) -> None:
        """What another bank has, as it was asked by this one under that id.  A second call changes nothing."""
        ...

    def decide(self, case: ReceivedCase) -> Decision | Withdrawal | None:
        """The decision over exactly `case.items`, or None while nobody has decided yet.

        A `Withdrawal` decides nothing: it asks the source bank for more or, in a dispute, upholds what was decided.
        """
        ...

    def post(self, transfer: str, role: str, decision: Decision) -> Booked | Withdrawal | None:
        """Book the decision; `role` is `source` or `accepting`.  A second call for a decision changes nothing, another one replaces it.

        None: nobody has booked it yet.  A `Withdrawal` says why this bank cannot book its own decision (`accepting` only).
        """
        ...

    def recalled(self, transfer: str, records: Sequence[str]) -> Booked | None:
        """These recognised records are void: take them out of the books, or None while nobody has.  A second call changes nothing."""
        ...

    def edition(self) -> str:
        """Another text whenever this bank's records may say something else than before; asked often, so it must be cheap."""
        ...

    def gone(self, request: Request, identity: Identity) -> Mapping[str, str]:
        """The requested records that this bank does not show now: `revoked`, `quarantined` (damaged), or `unknown_record`."""
        ...

    def doubts(self, transfer: str, records: Mapping[str, str]) -> None:
        """What the bank's people are to clear up about records of a case, by record id; everything before is replaced, {} ends it.

        `unknown_record` (not shown any more, and nobody said it is void), `quarantined`, `mended` (may be applied for again), or the
        code with which a request or correction was refused.
        """
        ...

    def told(self, transfer: str, event: str) -> None:
        """What happened to a case besides: `rejected`, `withdrawn`, `expired`, `remitted` … after which nothing of it stays booked,
        `decided` (all refused), `asked`, `disputed`, `upheld` and the like; `consent_withdrawn`: nothing more of it is disclosed.  Of an
        enquiry of this bank, or to it, by its id: `enquiry_declined`, `enquiry_expired`, `enquiry_withdrawn`.
        """
        ...
