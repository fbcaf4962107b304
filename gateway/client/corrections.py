"""From a bank's new file to the acts that correct its cases: what it says now is held against what it signed last.

    a record says something else         `amend`, or `supplement` where the accepting bank has asked
    a record is void                     `revoke`, whatever the state of the case
    a record is not shown any more       nothing: people are told, and say what it means
    a record was kept back, and is sound a new request where this bank asked, nothing was opened and the consent still covers it;
                                         otherwise people are told that it may be applied for again, under a new consent

Nothing is remembered between two rounds but what the outbox says: an act that was refused is not repeated until the case
or the file has changed.  A round begins only when the bank's records stood still from one look to the next, so that
a file being copied corrects nothing.  What a bank's people see of it: docs/connector.md.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from gateway.adapters.part_manifest import read_manifest
from gateway.adapters.zhejiang.batch import REGION as ZHEJIANG
from gateway.client.bank import NO_MANIFEST, Application, Supply
from gateway.client.cases import answer_body
from gateway.client.desk import Desk
from gateway.client.differences import Differences, differences, says_the_same
from gateway.client.office import Office
from gateway.client.opening import opening
from gateway.client.parts import compose
from gateway.client.store import Store, moment_text
from gateway.client.todo import items_of
from gateway.errors import GatewayError, StorageError
from gateway.federation.message import Content
from gateway.mapping.documents import read
from gateway.model.canonical import Json
from gateway.model.documents import Consent, Correction, Identity, Request, Withdrawal
from gateway.model.local import LocalPart, LocalRecord, Operation
from gateway.model.transfer import Act, State
from gateway.storage.connector_schema import CaseRow, OutboxRow
from gateway.storage.database import Write

PAGE: Final = 64
OVERLAP: Final = timedelta(minutes=1)
"""A change may become visible so long after the moment it bears."""
CORRECTABLE: Final[Mapping[str, Act]] = {
    State.SUPPLEMENTING: Act.SUPPLEMENT,
    State.DELIVERING: Act.AMEND,
    State.REVIEWING: Act.AMEND,
    State.POSTING: Act.AMEND,
    State.SETTLED: Act.AMEND,
}
"""By which act a correction goes out, in the states in which it can."""
NOTHING_STANDS: Final = frozenset({"submitted", State.CONFIRMING, State.WITHDRAWN, State.EXPIRED})
"""States in which nothing that this bank said waits to be corrected."""
REFUSED: Final = "refused"
"""The request was refused before anything was opened."""
WITH_PART: Final = frozenset({Act.REQUEST, Act.CONFIRM, Act.SUPPLEMENT, Act.AMEND})
REASON: Final = "other"
CORRECTED: Final = "转出行更正了记录 / corrected by the source bank"
VOID: Final = "转出行记录已作废 / void at the source bank"
log = structlog.get_logger("gateway.connector")


@dataclass(frozen=True, slots=True)
class Standing:
    """What this bank has said in a case: the papers, the part that stands (None where none does), and its messages in order."""

    request: Request
    identity: Identity
    consent: Consent | None
    part: LocalPart | None
    rows: Sequence[OutboxRow]


@dataclass(frozen=True, slots=True)
class Now:
    """What this bank says now.  `part` is `supply`, read; both None where it shows none of the records."""

    supply: Supply | None
    part: LocalPart | None


class Corrections:
    """The cases in which this bank is the source, held against its records."""

    def __init__(self, office: Office, desk: Desk) -> None:
        self._office = office
        self._desk = desk
        self._adapter = office.setup.tools.adapters[office.setup.member]
        self._edition = ""
        self._swept = ""
        self._since = ""
        self._recent: dict[str, CaseRow] = {}

    async def run(self) -> None:
        """Until cancelled.  A disk that is away ends nothing."""
        while True:
            try:
                await self.look()
            except OSError as fault:
                log.warning("records_not_compared", member=self._office.setup.member, reason=type(fault).__name__)
            await asyncio.sleep(self._office.setup.pace.idle_s)

    async def look(self) -> None:
        """One round: all cases after the records have changed, else those that have changed themselves.  Raises OSError, StorageError."""
        office = self._office
        edition, overlap = office.bank.edition(), moment_text(office.setup.clock.now() - OVERLAP)
        stood_still, self._edition = edition == self._edition, edition
        if not edition or not stood_still:
            return
        since, after = self._since if edition == self._swept else "", ""
        known = self._recent if since else {}
        self._recent = {}
        while page := await office.store.cases_of_source(office.setup.member, since, after, PAGE):
            for case in page:
                if known.get(case.transfer) != case:
                    async with office.books:
                        await self._correct(case.transfer)
                if case.changed_at >= overlap:
                    self._recent[case.transfer] = case
            after = page[-1].transfer
        self._swept, self._since = edition, overlap

    async def _correct(self, transfer: str) -> None:
        office = self._office
        case = await office.store.case(transfer)
        if case is None or case.state in NOTHING_STANDS:
            return
        try:
            standing = await self._standing(case)
            if standing is None:
                return
            writes, doubts = await self._compare(case, standing)
        except StorageError:
            raise
        except GatewayError as fault:
            self._tell(transfer, fault)
            return
        await office.commit(writes)
        office.bank.doubts(transfer, doubts)

    def _tell(self, transfer: str, fault: GatewayError) -> None:
        reason = fault.facts.get("reason")
        log.error("case_not_corrected", member=self._office.setup.member, transfer=transfer, code=fault.code, reason=reason)

    async def _compare(self, case: CaseRow, standing: Standing) -> tuple[list[Write], dict[str, str]]:
        """The act that is due, if any, and what only people can clear up."""
        now = self._now(standing.request, standing.identity)
        items = {str(item["record"]): item for item in items_of(case)} if case.state != REFUSED else {}
        gone = self._office.bank.gone(standing.request, standing.identity)
        found = differences(standing.request.records, items, standing.part, now.part, gone)
        doubts = dict(found.doubts)
        if case.state == REFUSED:
            doubts |= dict.fromkeys(standing.request.records, str(answer_body(case.body.encode()).get("problem", {}).get("code", REFUSED)))
        for attempt in (self._revoke, self._amend, self._apply):
            writes = await attempt(case, standing, now, found, doubts)
            if writes:
                return writes, doubts
        return [], doubts

    def _now(self, request: Request, identity: Identity) -> Now:
        given = self._office.bank.supply(request, identity)
        if isinstance(given, Withdrawal):
            return Now(None, None)
        return Now(given, self._adapter.parse(given.content, given.manifest))

    # -- the three acts --

    async def _revoke(self, case: CaseRow, standing: Standing, _now: Now, found: Differences, doubts: dict[str, str]) -> list[Write]:
        said: set[str] = set()
        for row in standing.rows:
            if row.act == Act.REVOKE:
                content = (await self._office.store.contents("out", row.jti))["revocation"]
                named = read(content.data, Correction, self._office.setup.tools.standard).records
                said |= set(named)
                doubts |= dict.fromkeys((each for each in named if each in found.void), row.last_error) if row.state != "done" else {}
        records = tuple(record for record in found.void if record not in said)
        return self._send(Act.REVOKE, case, Correction(REASON, VOID, records), {}, None) if records else []

    async def _amend(self, case: CaseRow, standing: Standing, now: Now, found: Differences, doubts: dict[str, str]) -> list[Write]:
        act = CORRECTABLE.get(case.state)
        if not found.changed or act is None or standing.part is None or now.supply is None or now.part is None:
            return []
        supply = self._corrected(standing.part, now.supply, now.part, found)
        refused = await self._refused_alike(case, standing, supply)
        if refused:
            doubts |= dict.fromkeys(found.changed, refused)
            return []
        claims: dict[str, Json] = {"ver": case.ver}
        if act is Act.SUPPLEMENT:
            claims["irt"] = await self._desk.question(case.transfer)
            return self._send(act, case, Withdrawal(REASON, CORRECTED), claims, supply)
        return self._send(act, case, Correction(REASON, CORRECTED, found.changed), claims, supply)

    async def _apply(self, case: CaseRow, standing: Standing, _now: Now, found: Differences, doubts: dict[str, str]) -> list[Write]:
        """What was kept back is applied for anew, once; where nobody here may, or the consent has opened a case, people are told."""
        office, now = self._office, self._office.setup.clock.now()
        applied = {each for each in found.mended if await office.store.opened_for(case.transfer, each)}
        fresh = tuple(each for each in found.mended if each not in applied)
        for each in applied:
            doubts.pop(each, None)
        consent = standing.consent
        if not fresh:
            return []
        unused = consent is not None and case.state == REFUSED and consent.given_at <= now < consent.expires_at
        if consent is None or not unused or not set(fresh) <= set(consent.records):
            doubts |= dict.fromkeys(fresh, "mended")
            return []
        request = replace(standing.request, records=fresh)
        supply = office.bank.supply(request, standing.identity)
        if isinstance(supply, Withdrawal):
            return []
        message, writes = opening(office, Application(request, standing.identity, consent, supply))
        return [*writes, Store.opened_because(case.transfer, fresh, message.scope)]

    def _send(
        self, act: Act, case: CaseRow, document: Correction | Withdrawal, claims: dict[str, Json], supply: Supply | None
    ) -> list[Write]:
        office = self._office
        log.info("correction_sent", member=office.setup.member, transfer=case.transfer, act=act.value)
        message = office.writer.word(act, case.transfer, document, claims, supply)
        ids = supply.known_ids if supply is not None else {}
        return [*Store.send(message, office.now_text()), Store.remember_ids(ids)]

    # -- what stands, and what is to stand --

    async def _standing(self, case: CaseRow) -> Standing | None:
        """None while something of this bank is still to be answered, or where its papers are not here."""
        store, standard = self._office.store, self._office.setup.tools.standard
        rows = await store.of_transfer(case.transfer)
        if any(row.state == "waiting" for row in rows):
            return None
        papers: Mapping[str, Content] = {}
        part = None
        for row in rows:
            if row.act in WITH_PART and (row.state == "done" or row.act == Act.REQUEST):
                contents = await store.contents("out", row.jti)
                papers = contents if row.act == Act.REQUEST else papers
                part = self._read(contents) or part
        if not papers:
            fetches = [row for row in await store.inbox_of(case.transfer) if row.act == Act.FETCH]
            papers = await store.contents("in", fetches[-1].jti) if fetches else {}
        if not {"request", "identity"} <= papers.keys():
            return None
        consent = read(papers["consent"].data, Consent, standard) if "consent" in papers else None
        request, identity = read(papers["request"].data, Request, standard), read(papers["identity"].data, Identity, standard)
        return Standing(request, identity, consent, part, rows)

    def _read(self, contents: Mapping[str, Content]) -> LocalPart | None:
        if "part" not in contents:
            return None
        manifest = read_manifest(contents["manifest"].data) if "manifest" in contents else NO_MANIFEST
        return self._adapter.parse(contents["part"].data, manifest)

    def _corrected(self, before: LocalPart, supply: Supply, after: LocalPart, found: Differences) -> Supply:
        """The part as it stands with what has changed; a record in doubt stays as it was signed.  A chain always travels whole."""
        if self._adapter.region == ZHEJIANG:
            return supply
        now = {record.record_id: record for record in after.records}
        chosen: list[LocalRecord] = []
        for record in before.records:
            here = now.get(record.record_id, record)
            if record.record_id not in found.void and here.operation is not Operation.CANCEL:
                chosen.append(here)
        issues = {supply.manifest.ids[row]: codes for row, codes in supply.manifest.issues.items()}
        made = compose(self._adapter, after, chosen, supply.manifest.period if supply.manifest.ids else None, issues)
        return replace(made, account=supply.account, known_ids=supply.known_ids)

    async def _refused_alike(self, case: CaseRow, standing: Standing, supply: Supply) -> str:
        """The code with which just this was refused at just this version of the case; "" where it was not."""
        tried = [row for row in standing.rows if row.act in {Act.AMEND, Act.SUPPLEMENT}]
        if not tried or tried[-1].state == "done" or json.loads(tried[-1].claims).get("ver") != case.ver:
            return ""
        before = self._read(await self._office.store.contents("out", tried[-1].jti))
        alike = before is not None and says_the_same(before, self._adapter.parse(supply.content, supply.manifest))
        return tried[-1].last_error if alike else ""
