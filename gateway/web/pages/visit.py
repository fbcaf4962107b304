"""One request as a page sees it: who asks, in which language, and what pages share.

A page is a function from a `Visit` to a `Shown`; it says no by raising `DeniedError`.  Cookie, session, rights, language, CSRF,
audit of refusals and the CSV twin are the ground's business (`guard`, `render`), not the page's.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from gateway.model.canonical import b64url
from gateway.model.people import Denial, Person, Right
from gateway.transfers.alerts import Alerts
from gateway.transfers.learners import Learners
from gateway.transfers.letter_notes import LetterNotes
from gateway.transfers.log_view import LogView
from gateway.transfers.operator_acts import OperatorAudit
from gateway.transfers.overview import Overview
from gateway.transfers.people import People, Session
from gateway.transfers.saved_views import SavedViews
from gateway.web.keys import Parts
from gateway.web.languages import EN, Tongue, msg
from gateway.web.open_id import OpenId
from gateway.web.pages.sandbox_door import SandboxDoor
from gateway.web.pages.sheet import Sheet
from gateway.web.pages.words import WORDS


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the navigation, for whoever holds the right."""

    path: str
    title: str
    right: Right | None


@dataclass(slots=True, kw_only=True)
class Ground:
    """What every listener for people shares, the gateway's and a bank's own.  `origin` is the site's own `scheme://host[:port]`.

    `cookie` differs between sites of one host, because browsers do not tell its ports apart.
    """

    people: People
    open_id: OpenId
    tongues: Mapping[str, Tongue]
    forwarded: bool = False
    origin: str = ""
    menu: Sequence[Entry] = ()
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the listener closes: whoever streams ends then."""
    streams: Counter[str] = field(default_factory=Counter)
    brand: str = msg("长三角学分互认网关")
    cookie: str = "ceg"

    @property
    def secure(self) -> bool:
        return self.origin.startswith("https://")

    @property
    def cookie_name(self) -> str:
        """`__Host-` binds a cookie to this host and to HTTPS; browsers refuse it on plain HTTP, which is only ever loopback."""
        return f"__Host-{self.cookie}" if self.secure else self.cookie


@dataclass(slots=True, kw_only=True)
class Site(Ground):
    """What the gateway's pages share; add a use case here when a page needs one."""

    overview: Overview
    log: LogView
    parts: Parts
    notes: LetterNotes
    alerts: Alerts
    sandbox: SandboxDoor | None = None
    """None in service: then its pages do not exist."""
    audit: OperatorAudit
    views: SavedViews
    learners: Learners


MINE: Final = "/mine"
"""Where a learner's own pages begin."""
SITE: Final = web.AppKey("site", Ground)


class DeniedError(Exception):
    """Raised by a page or an act: no further, and why.  Becomes an audit row and a page that says what to do."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.value)
        self.denial = denial


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a page hands out instead of itself."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page answers: a template, what it needs, and its tables by name (each can be had as CSV); or a file, where it has one."""

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    sheets: Sequence[Sheet] = ()
    status: int = 200
    download: Download | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One request.  `session` is None only on pages that anybody may see."""

    request: web.Request
    ground: Ground
    tongue: Tongue
    session: Session | None
    cookie: str = ""

    @property
    def site(self) -> Site:
        """What the gateway's pages share."""
        assert isinstance(self.ground, Site), "a page of the gateway's own listener"
        return self.ground

    def _(self, text: str) -> str:
        """The text in the visitor's language.  Fill in with `%` afterwards."""
        return self.tongue(text)

    def word(self, code: str) -> str:
        """A state, role, channel … in the visitor's words; the code itself where there is none."""
        return self.tongue(WORDS.get(code, code))

    @property
    def english(self) -> bool:
        return self.tongue.code == EN

    @property
    def person(self) -> Person:
        """Who asks, on a page that asks for a right."""
        assert self.session is not None, "a page without a right has no person"
        return self.session.person

    @property
    def menu(self) -> list[Entry]:
        """What the navigation shows this visitor."""
        rights = self.session.person.rights if self.session else frozenset()
        return [entry for entry in self.ground.menu if (entry.right is None and not self.learner) or entry.right in rights]

    @property
    def learner(self) -> str:
        """Whose own pages these are (pseudonym); "" for anybody but a learner."""
        return self.session.person.learner if self.session else ""

    @property
    def home(self) -> str:
        """Where the site's name leads."""
        return self.url(MINE if self.learner else "/")

    @property
    def television(self) -> bool:
        """Without controls, for a screen on a wall."""
        return self.request.query.get("tv") == "1"

    @property
    def csrf(self) -> str:
        """The token every form of this session carries; it follows from the cookie, which no other site can read."""
        return csrf_token(self.cookie)

    def url(self, path: str, **query: str | int) -> str:
        """A path of this site, in the visitor's language, with a query; empty values are left out."""
        asked = {name: str(value) for name, value in query.items() if value not in {"", None}}
        if self.english:
            asked["lang"] = EN
        return f"{path}?{urlencode(asked)}" if asked else path

    def here(self, **changes: str | int) -> str:
        """The page itself with some of its query changed ("" takes one away): filters, sorting, CSV, language."""
        asked = {name: value for name, value in self.request.query.items() if name not in changes}
        asked |= {name: str(value) for name, value in changes.items() if value != ""}
        return f"{self.request.path}?{urlencode(asked)}" if asked else self.request.path


def csrf_token(cookie: str) -> str:
    return b64url(sha256(b"ceg-form\0" + cookie.encode()).digest())
