"""Who may: session, rights, forged requests.  And what becomes of a "no": an audit row, and a page that says what to do.

Middlewares, outside in: `dress` (security headers; problems become pages), `errors_and_log` (shared with the other listeners),
`same_site` (a request that changes something must come from one of our own pages).
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.errors import GatewayError
from gateway.model.people import Denial, Right
from gateway.transfers.people import Deed
from gateway.web.errors import PROBLEM_MEDIA
from gateway.web.languages import ZH, chosen
from gateway.web.middleware import Handler
from gateway.web.pages.denied import denied_page
from gateway.web.pages.headers import STATIC, harden
from gateway.web.pages.visit import SITE, DeniedError, Visit

FORM_BYTES_MAX: Final = 64 * 1024
FIELDS_MAX: Final = 2000
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
NOT_OURS: Final = "-"
"""What an unknown visitor's or a learner's request was about: never the path itself, which is free text of theirs."""
_DENIAL_OF: Final = {
    404: Denial.NOT_FOUND,
    405: Denial.BAD_REQUEST,
    408: Denial.BAD_REQUEST,
    413: Denial.BAD_REQUEST,
    400: Denial.BAD_REQUEST,
}
Guarded = Callable[[Visit], Awaitable[web.StreamResponse]]


def set_cookie(response: web.StreamResponse, name: str, value: str, *, secure: bool, seconds: int | None = None) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="Lax")


def drop_cookie(response: web.StreamResponse, name: str, *, secure: bool) -> None:
    response.del_cookie(name, path="/", secure=secure, httponly=True, samesite="Lax")


async def visit_of(request: web.Request, *, used: bool = True) -> Visit:
    """Who asks, and in which language."""
    site = request.app[SITE]
    cookie = request.cookies.get(site.cookie_name, "")[:128]
    session = await site.people.session(cookie, used=used) if cookie else None
    return Visit(request, site, site.tongues[chosen(request.query.get("lang", ZH))], session, cookie)


def guarded(handler: Guarded, right: Right | None, *, used: bool = True) -> Handler:
    """A handler for those who hold `right`, or for everybody where it is None."""

    async def answer(request: web.Request) -> web.StreamResponse:
        visit = await visit_of(request, used=used)
        try:
            if right is not None:
                if visit.session is None and not visit.cookie:
                    return _to_sign_in(visit)
                if visit.session is None:
                    raise DeniedError(Denial.SESSION_OVER)
                if right not in visit.person.rights:
                    raise DeniedError(Denial.NO_RIGHT)
            return await handler(visit)
        except DeniedError as no:
            return await turned_away(visit, no.denial)

    return answer


async def form_of(visit: Visit) -> dict[str, list[str]]:
    """The form that was posted, bounded, its token checked.  Raises DeniedError."""
    request = visit.request
    if request.content_type != "application/x-www-form-urlencoded" or (request.content_length or 0) > FORM_BYTES_MAX:
        raise DeniedError(Denial.BAD_REQUEST)
    raw = bytearray()
    while len(raw) <= FORM_BYTES_MAX and (chunk := await request.content.read(FORM_BYTES_MAX)):
        raw += chunk
    try:
        pairs = parse_qsl(bytes(raw).decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=FIELDS_MAX)
    except ValueError:
        raise DeniedError(Denial.BAD_REQUEST) from None
    if len(raw) > FORM_BYTES_MAX:
        raise DeniedError(Denial.BAD_REQUEST)
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    token = form.pop("token", [""])[0]
    if not hmac.compare_digest(token.encode(), visit.csrf.encode()):
        raise DeniedError(Denial.FORGED)
    return form


async def turned_away(visit: Visit, denial: Denial) -> web.Response:
    """Write it down, and say so; a cookie whose session is over is taken back."""
    request, person = visit.request, visit.session.person if visit.session else None
    route = request.match_info.route.resource
    staff = person is not None and not person.learner
    about = request.path if staff else route.canonical if route else NOT_OURS
    await visit.ground.people.refused(person, Deed(f"{request.method} {route.canonical if route else NOT_OURS}", about), denial)
    response = denied_page(visit, denial)
    if visit.session is None and visit.cookie:
        drop_cookie(response, visit.ground.cookie_name, secure=visit.ground.secure)
    return response


@web.middleware
async def dress(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Security headers on whatever is answered; a problem becomes a page."""
    response = await handler(request)
    if isinstance(response, web.Response) and response.content_type == PROBLEM_MEDIA:
        response = await _page_for(request, response)
    if not response.prepared:
        harden(request, response, secure=request.app[SITE].secure)
    return response


@web.middleware
async def same_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what changes something and was not sent by one of our own pages."""
    if request.method in SAFE or from_us(request):
        return await handler(request)
    return await turned_away(await visit_of(request, used=False), Denial.FORGED)


def from_us(request: web.Request) -> bool:
    """By Sec-Fetch-Site and Origin: both where both are sent, and at least one; what says otherwise decides."""
    fetch_site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if fetch_site is None and origin is None:
        return False
    return fetch_site in {None, "same-origin"} and origin in {None, request.app[SITE].origin}


async def _page_for(request: web.Request, response: web.Response) -> web.Response:
    if request.path.startswith(STATIC):
        return web.Response(status=response.status)
    denial = _DENIAL_OF.get(response.status, Denial.UNAVAILABLE)
    try:
        visit = await visit_of(request, used=False)
        if denial is not Denial.UNAVAILABLE:
            return await turned_away(visit, denial)
    except GatewayError:  # the database is what is not there: no session, no row, but a page all the same
        visit = Visit(request, request.app[SITE], request.app[SITE].tongues[chosen(request.query.get("lang", ZH))], None)
    return denied_page(visit, denial)


def _to_sign_in(visit: Visit) -> web.Response:
    return web.Response(status=303, headers={"Location": visit.url("/sign-in", to=visit.request.path_qs)})
