"""Signing in and out: the page, the way to the identity provider and back, the end of a session."""

from typing import Any, Final

from aiohttp import web

from gateway.errors import GatewayError
from gateway.model.canonical import b64url, unb64url
from gateway.model.people import Denial, Person
from gateway.web.pages.guard import drop_cookie, set_cookie
from gateway.web.pages.visit import MINE, DeniedError, Shown, Visit

CALLBACK: Final = "/sign-in/callback"
WAY_S: Final = 600
"""How long somebody may take at the identity provider."""
TO_CHARS_MAX: Final = 500
HINT_CHARS_MAX: Final = 100


async def show_sign_in(visit: Visit) -> Shown:
    """`GET /sign-in`: a page and not a redirect, so that nobody is sent elsewhere without having asked."""
    return Shown("sign_in.html", {"start": visit.url("/sign-in/start", to=local_path(visit.request.query.get("to", "")))})


async def get_start(visit: Visit) -> web.StreamResponse:
    """`GET /sign-in/start`: to the identity provider.  `hint` names who it is likely to be."""
    site, query = visit.ground, visit.request.query
    if await site.people.locked(address_of(visit)):
        raise DeniedError(Denial.LOCKED)
    start = b64url(site.open_id.ids.secret())
    try:
        url = await site.open_id.authorize_url(start, site.origin + CALLBACK, query.get("hint", "")[:HINT_CHARS_MAX])
    except GatewayError:
        raise DeniedError(Denial.UNAVAILABLE) from None
    response = _redirect(url)
    way = f"{start}|{b64url(visit.url(local_path(query.get('to', ''))).encode())}"
    set_cookie(response, way_cookie(visit), way, secure=site.secure, seconds=WAY_S)
    return response


async def get_callback(visit: Visit) -> web.StreamResponse:
    """`GET /sign-in/callback`: back from the identity provider."""
    site, address = visit.ground, address_of(visit)
    if await site.people.locked(address):
        raise DeniedError(Denial.LOCKED)
    start, _, to = visit.request.cookies.get(way_cookie(visit), "").partition("|")
    try:
        claims = await site.open_id.vouched(start, site.origin + CALLBACK, site.origin + visit.request.path_qs) if start else None
    except GatewayError:
        raise DeniedError(Denial.UNAVAILABLE) from None
    if claims is None:
        await site.people.failed(address)
        raise DeniedError(Denial.SIGN_IN_FAILED)
    person, cookie = await _enter(visit, claims, address)
    response = _redirect(_way_on(person, local_path(_unwritten(to))))
    set_cookie(response, site.cookie_name, cookie, secure=site.secure)
    drop_cookie(response, way_cookie(visit), secure=site.secure)
    return response


def _way_on(person: Person, to: str) -> str:
    """A learner who asked for nothing comes to the own pages: the overview is not for him."""
    path, _, query = to.partition("?")
    return f"{MINE}?{query}".rstrip("?") if person.learner and path == "/" else to


async def _enter(visit: Visit, claims: dict[str, Any], address: str) -> tuple[Person, str]:
    people, subject = visit.ground.people, visit.ground.open_id.whose(claims)
    if await people.locked(subject):
        raise DeniedError(Denial.LOCKED)
    person = visit.ground.open_id.person(claims)
    if person is None:
        await people.failed(subject, address)
        raise DeniedError(Denial.NOT_KNOWN)
    if visit.session is not None:  # a new sign-in ends the one before: a session's value never outlives its person
        await people.sign_out(visit.session)
    return person, await people.sign_in(person)


async def sign_out(visit: Visit, _form: dict[str, list[str]]) -> str:
    """`POST /sign-out`."""
    if visit.session is not None:
        await visit.ground.people.sign_out(visit.session)
    return visit.url("/sign-in", out="1")


def way_cookie(visit: Visit) -> str:
    return visit.ground.cookie_name + "-way"


def local_path(text: str) -> str:
    """A path of this site to go on to, or the first page: never another site, whatever is asked."""
    fine = text.startswith("/") and not text.startswith("//") and len(text) <= TO_CHARS_MAX and text.isascii() and text.isprintable()
    return text if fine and "\\" not in text and not text.startswith("/sign-in") else "/"


def address_of(visit: Visit) -> str:
    """Where the visitor comes from: the connection's address, or what our own proxy says of it."""
    forwarded = visit.request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() if visit.ground.forwarded else ""
    return f"address:{forwarded or visit.request.remote or ''}"


def _redirect(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})


def _unwritten(text: str) -> str:
    try:
        return unb64url(text).decode("ascii")
    except ValueError:
        return ""
