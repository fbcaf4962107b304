"""Where a node listens: sockets, TLS, and the people's listener with all that only it needs.

Beside the composition root because what is built here exists only while somebody may knock: `app` builds the node, this file its doors.
"""

import ssl
from collections.abc import Callable
from datetime import timedelta

import aiohttp
from aiohttp import web

from gateway.client.casework import Casework
from gateway.client.connector import Connector
from gateway.client.console_book import Book
from gateway.client.selection_book import SelectionBook
from gateway.crypto.keys import SigningKey, read_secret_file
from gateway.errors import Problem, SettingsError
from gateway.federation.channels.alert_webhook import SignedHook
from gateway.federation.channels.mail import Mailer
from gateway.model.people import Role
from gateway.model.ports import Clock, IdSource
from gateway.settings import Console as ConsoleSettings
from gateway.settings import Listen, Settings, SignIn
from gateway.settings import People as PeopleSettings
from gateway.storage.database import Database
from gateway.transfers.alert_findings import Findings
from gateway.transfers.alert_signs import Signs
from gateway.transfers.alert_watch import MAIL, WEBHOOK, AlertWatch, Contacts, mail_text
from gateway.transfers.alerts import Alerts
from gateway.transfers.learner_case import LearnerCases
from gateway.transfers.learners import Learners
from gateway.transfers.letter_notes import LetterNotes
from gateway.transfers.log_view import LogView
from gateway.transfers.operator_acts import Acting, OperatorAudit
from gateway.transfers.overview import Overview
from gateway.transfers.people import Limits, People
from gateway.transfers.registry import Registry
from gateway.transfers.saved_views import SavedViews
from gateway.web.console.site import BRAND, Console
from gateway.web.console.table import console_app
from gateway.web.keys import Parts
from gateway.web.languages import load_tongues
from gateway.web.open_id import ClaimNames, Client, OpenId, safe_url
from gateway.web.pages.sandbox_door import SandboxDoor
from gateway.web.pages.visit import Site
from gateway.web.people_app import people_app


async def listen(runner: web.AppRunner, host: str, port: int, context: ssl.SSLContext | None = None) -> str:
    """Start listening; returns the URL, with the port that was picked."""
    await runner.setup()
    site = web.TCPSite(runner, host, port, ssl_context=context)
    await site.start()
    address = runner.addresses[0]
    return f"{'https' if context else 'http'}://{address[0]}:{address[1]}"


def tls(listen: Listen) -> ssl.SSLContext | None:
    """TLS for the member API where both files are set.  Raises SettingsError when they cannot be used."""
    if listen.tls_cert_file is None and listen.tls_key_file is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(listen.tls_cert_file or "", listen.tls_key_file)
    except (OSError, ValueError) as error:
        raise SettingsError(
            "settings.tls", "TLS 证书或私钥无法使用", "the TLS certificate or key cannot be used", reason=type(error).__name__
        ) from error
    return context


def people_site(
    settings: Settings,
    parts: Parts,
    database: Database,
    registry: Registry,
    clock: Clock,
    ids: IdSource,
    sandbox: SandboxDoor | None = None,
) -> Site | None:
    """What the pages for people share, or None where no identity provider is named.  Raises SettingsError."""
    ours = settings.people
    if not ours.issuer:
        return None
    _check(ours, settings.listen.people_host)
    acting = Acting(parts.centre.committer, ids)
    learners = learner_views(parts, database, clock)
    return Site(
        people=People(database, clock, ids, _limits(ours)),
        overview=Overview(database, registry, clock.now),
        log=LogView(database, parts.reading, parts.finality, lambda: registry.trust, clock.now),
        parts=parts,
        open_id=_open_id(ours, _members(registry), clock, ids, learners.pseudonym_of),
        tongues=load_tongues(),
        notes=LetterNotes(database, acting),
        alerts=Alerts(database, clock, acting),
        audit=OperatorAudit(database),
        views=SavedViews(database, clock),
        learners=learners,
        forwarded=ours.forwarded,
        sandbox=sandbox,
    )  # fmt: skip


def learner_views(parts: Parts, database: Database, clock: Clock) -> Learners:
    """What learners see of themselves: by the pseudonym that intake makes, opened with the vault that intake seals with."""
    receiver, reader = parts.receiver, parts.receiver.reader
    cases = LearnerCases(database, parts.reading, receiver.vault, reader.standard, reader.mapper, parts.finality.size)
    return Learners(database, cases, receiver.pseudonym_key, clock.now)


class PeopleDoor:
    """The people's listener of one node, open only where an identity provider is named.  Raises SettingsError when made."""

    def __init__(
        self,
        settings: Settings,
        parts: Parts,
        database: Database,
        registry: Registry,
        clock: Clock,
        ids: IdSource,
        sandbox: SandboxDoor | None = None,
    ) -> None:
        self._settings = settings
        self._parts, self._clock, self._ids = parts, clock, ids
        ours = settings.alerts
        self._contacts = Contacts.of(ours.groups, ours.routes, ours.per_hour, mail=bool(ours.mail_host))
        self._signs = Signs(lambda: registry.trust, clock.now)
        self._site = people_site(settings, parts, database, registry, clock, ids, sandbox)
        self._runner = web.AppRunner(people_app(self._site), access_log=None) if self._site else None

    async def open(self) -> str:
        """Start listening; returns the URL as people see it, "" where there are no pages."""
        if self._site is None or self._runner is None:
            return ""
        url = await listen(self._runner, self._settings.listen.people_host, self._settings.listen.people_port)
        self._site.origin = self._settings.people.public_url.rstrip("/") or url
        return self._site.origin

    async def watch(self) -> None:
        """Keep the alarms and tell the contact groups, until cancelled; at once over where there are no pages."""
        if self._site is None:
            return
        ours, parts = self._settings.alerts, self._parts
        mailer = Mailer(ours.mail_host, ours.mail_port, ours.mail_from, ours.mail_starttls, ours.timeout_s)

        async def mail(target: str, _id: str, body: bytes) -> bool:
            return await mailer.send(target.removeprefix("mailto:"), *mail_text(body))

        async with aiohttp.ClientSession() as session:
            hook = SignedHook(session, parts.centre.key, self._clock, ours.timeout_s)
            findings = Findings(parts.status, parts.log_open, parts.clocks_agree, self._clock.now, parts.presiding, self._signs)
            send = {WEBHOOK: hook.send, MAIL: mail}
            watch = AlertWatch(self._site.alerts, findings, self._contacts, send, self._ids, self._settings.log.origin)
            await watch.run(ours.poll_s)

    async def close(self) -> None:
        """No new connections; what is under way is answered, streams end."""
        if self._runner is not None:
            await self._runner.cleanup()


class ConsoleDoor:
    """The console of one bank's people, on the bank's premises beside its connector.  Raises SettingsError when made.

    Only people of this bank have a role here; `database` is the connector's own.
    """

    def __init__(
        self,
        ours: ConsoleSettings,
        connector: Connector,
        database: Database,
        clock: Clock,
        ids: IdSource,
        selections: SelectionBook | None = None,
    ) -> None:
        _check(ours, ours.host)
        self._ours = ours
        office, member = connector.office, connector.member
        found = connector.trust.member(member)
        self._site = Console(
            people=People(database, clock, ids, _limits(ours)),
            open_id=_open_id(ours, lambda: frozenset({member}), clock, ids),
            tongues=load_tongues(),
            forwarded=ours.forwarded,
            brand=BRAND,
            cookie=f"ceg-{member}",
            connector=connector,
            casework=Casework(office, connector.desk),
            book=Book(database, member, clock, ids),
            selections=selections or SelectionBook(database, clock),
            decided_by=ours.decided_by or (found.name.zh if found else member),
        )
        self._runner = web.AppRunner(console_app(self._site), access_log=None)

    async def open(self) -> str:
        """Start listening; returns the URL as people see it."""
        url = await listen(self._runner, self._ours.host, self._ours.port)
        self._site.origin = self._ours.public_url.rstrip("/") or url
        return self._site.origin

    async def close(self) -> None:
        await self._runner.cleanup()


def _limits(ours: SignIn) -> Limits:
    return Limits(timedelta(seconds=ours.idle_s), timedelta(seconds=ours.absolute_s), ours.failures_max, timedelta(seconds=ours.lock_s))


def _open_id(
    ours: SignIn, members: Callable[[], frozenset[str]], clock: Clock, ids: IdSource, learner_of: Callable[[str], str] | None = None
) -> OpenId:
    """Raises SettingsError where a secret or key cannot be used."""
    secret = read_secret_file(ours.client_secret_file).decode("ascii").strip() if ours.client_secret_file else ""
    key = SigningKey.load(ours.client_key_file) if ours.client_key_file else None
    citizen = ours.citizen_claim if isinstance(ours, PeopleSettings) else ""
    names = ClaimNames(ours.name_claim, ours.member_claim, ours.roles_claim, ours.roles, citizen)
    return OpenId(Client(ours.issuer, ours.client_id, secret, key), names, members, clock, ids, learner_of=learner_of)


def _members(registry: Registry) -> Callable[[], frozenset[str]]:
    return lambda: frozenset(member.id for member in registry.trust.data.members)


def _check(ours: SignIn, host: str) -> None:
    """Raises SettingsError("settings.people") with everything that is wrong."""
    wrong: list[Problem] = []
    if not safe_url(ours.issuer):
        wrong.append(Problem("people.issuer", "settings.people", "须为 HTTPS,或本机地址", "must be HTTPS, or this very machine"))
    if ours.public_url and not safe_url(ours.public_url):
        wrong.append(Problem("people.public_url", "settings.people", "须为 HTTPS,或本机地址", "must be HTTPS, or this very machine"))
    if not ours.public_url and host not in {"127.0.0.1", "::1"}:
        text = "不在本机监听时须设置人员看到的 HTTPS 地址", "must be set where it listens beyond this machine"
        wrong.append(Problem("people.public_url", "settings.people", *text))
    for word, name in ours.roles.items():
        if name not in set(Role):
            wrong.append(Problem(f"people.roles.{word}", "settings.people", "没有此角色", "there is no such role"))
    if wrong:
        raise SettingsError("settings.people", "人员登录的设置有误", "the settings for people are wrong", problems=tuple(wrong))
