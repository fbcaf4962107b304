"""What handlers share, typed."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from aiohttp import web

from gateway.transfers.canaries import CanaryWatch
from gateway.transfers.centre import Centre
from gateway.transfers.estimates import Estimates
from gateway.transfers.evidence_desk import EvidenceDesk
from gateway.transfers.finality import Finality
from gateway.transfers.integrity_reads import IntegrityReads
from gateway.transfers.log_files import LogFiles
from gateway.transfers.log_reading import LogReading
from gateway.transfers.mailbox import Mailbox
from gateway.transfers.presiding_board import PresidingBoard
from gateway.transfers.receive import Receiver
from gateway.transfers.report_paper import Papers
from gateway.transfers.rule_book import RuleBook
from gateway.transfers.rule_view import RuleShelf
from gateway.transfers.status import Status
from gateway.transfers.unit_of_work import Ledger


@dataclass(slots=True)
class Parts:
    """The use cases behind the routes.  `base_url` is the URL as members see it; envelopes are bound to it."""

    receiver: Receiver
    mailbox: Mailbox
    status: Status
    integrity: IntegrityReads
    estimates: Estimates
    reading: LogReading
    ledger: Ledger
    log_files: LogFiles
    finality: Finality
    evidence: EvidenceDesk
    log_open: Callable[[], bool]
    """False while a witness contradicts the log and it takes no leaf."""
    heard_from: Callable[[str], None]
    clocks_agree: Callable[[], bool]
    body_bytes_max: int
    rules: RuleShelf
    rule_book: RuleBook
    canaries: CanaryWatch
    presiding: PresidingBoard
    centre: Centre
    papers: Papers
    today: Callable[[], date]
    """The day (+08:00) by which rules and agreements count."""
    base_url: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)


PARTS = web.AppKey("parts", Parts)
