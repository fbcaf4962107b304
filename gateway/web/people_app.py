"""The people's listener: pages, acts, the live line, API documentation, static files.  Nothing of the member API answers here."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp
from aiohttp import web

from gateway.model.people import Right
from gateway.web.middleware import Handler, errors_and_log
from gateway.web.pages import guard, live, sign_in
from gateway.web.pages.api_docs import get_openapi
from gateway.web.pages.guard import guarded
from gateway.web.pages.render import install, render
from gateway.web.pages.table import ACTS, PAGES, Act, Page
from gateway.web.pages.visit import SITE, Entry, Ground, Site, Visit

STATIC: Final = Path(__file__).parent / "static"


def people_app(site: Site) -> web.Application:
    """The gateway's."""
    here = site.sandbox is not None
    app = ground_app(site, [page for page in PAGES if here or not page.sandbox], [act for act in ACTS if here or not act.sandbox])
    app.add_routes([web.get("/live", guarded(live.get_live, Right.OVERVIEW, used=False)), web.get("/api/openapi.json", get_openapi)])
    return app


def ground_app(site: Ground, pages: Sequence[Page], acts: Sequence[Act]) -> web.Application:
    """Any listener for people: signing in, static files, and these pages and acts.

    `site.origin` is set once it is known where the listener listens.
    """
    app = web.Application(middlewares=[guard.dress, errors_and_log, guard.same_site], client_max_size=guard.FORM_BYTES_MAX)
    app[SITE] = site
    site.menu = tuple(Entry(page.path, page.title, page.right) for page in pages if page.menu)
    install(app, dict(site.tongues))
    app.add_routes(
        [
            web.get("/sign-in/start", guarded(sign_in.get_start, None)),
            web.get(sign_in.CALLBACK, guarded(sign_in.get_callback, None)),
            web.static("/static", STATIC),
            *[web.get(page.path, _page(page)) for page in pages],
            *[web.post(act.path, _act(act)) for act in acts],
        ]
    )
    app.cleanup_ctx.append(_to_the_provider)
    app.on_shutdown.append(_end_streams)
    return app


def _page(page: Page) -> Handler:
    async def show(visit: Visit) -> web.StreamResponse:
        response = render(visit, await page.show(visit))
        if visit.session is None and visit.cookie:  # signed out, or over: on a page for everybody that is nothing to complain of
            guard.drop_cookie(response, visit.ground.cookie_name, secure=visit.ground.secure)
        return response

    return guarded(show, page.right)


def _act(act: Act) -> Handler:
    async def do(visit: Visit) -> web.StreamResponse:
        return web.Response(status=303, headers={"Location": await act.do(visit, await guard.form_of(visit))})

    return guarded(do, act.right)


async def _to_the_provider(app: web.Application) -> AsyncIterator[None]:
    """The client session towards the identity provider lives as long as the listener."""
    async with aiohttp.ClientSession() as session:
        app[SITE].open_id.session = session
        yield


async def _end_streams(app: web.Application) -> None:
    app[SITE].stop.set()
