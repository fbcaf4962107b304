"""`/live`: server-sent events, each a fragment of HTML that htmx puts where `sse-swap` names it.

The pattern: look every few seconds, send what has changed, a comment now and then so that a browser that left is noticed.
Looking does not keep a session from idling out, and a session that ends ends its streams.
"""

import asyncio
from contextlib import suppress
from typing import Final

from aiohttp import web

from gateway.model.people import Denial
from gateway.web.pages.headers import harden
from gateway.web.pages.overview import overview_parts
from gateway.web.pages.render import fragment
from gateway.web.pages.visit import DeniedError, Visit

LOOK_S: Final = 2.0
QUIET_TURNS: Final = 7
"""Looks without news before a comment is sent."""
STREAMS_MAX: Final = 200
STREAMS_EACH_MAX: Final = 12
"""Browsers open six connections to a host over HTTP/1.1; the rest is for those that have left and were not missed yet."""


async def get_live(visit: Visit) -> web.StreamResponse:
    """`GET /live`: `head`, `cards`, the overview's tables whenever the transfer log has grown.  Raises DeniedError when too many listen."""
    site, session = visit.site, visit.session
    assert session is not None, "the route asks for a right"
    if site.streams.total() >= STREAMS_MAX or site.streams[session.id] >= STREAMS_EACH_MAX:
        raise DeniedError(Denial.UNAVAILABLE)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
    harden(visit.request, response, secure=site.secure)
    site.streams[session.id] += 1
    try:
        with suppress(ConnectionError):  # the browser left: that is how a stream ends
            await response.prepare(visit.request)
            await _tell(visit, response)
    finally:
        site.streams[session.id] -= 1
        if not site.streams[session.id]:
            del site.streams[session.id]
    return response


async def _tell(visit: Visit, response: web.StreamResponse) -> None:
    site, last, quiet = visit.site, -1, 0
    while not site.stop.is_set() and not _left(visit) and await site.people.session(visit.cookie, used=False) is not None:
        head = await site.overview.head()
        if head.size != last:
            await response.write(event("head", fragment(visit, "live_head.html", head=head)))
            await _tell_figures(visit, response)
            last, quiet = head.size, 0
        elif quiet >= QUIET_TURNS:
            await response.write(b":\n\n")
            quiet = 0
        quiet += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S):
                await site.stop.wait()


async def _tell_figures(visit: Visit, response: web.StreamResponse) -> None:
    """The overview's numbers, as this visitor sees them."""
    cards, sheets = await overview_parts(visit)
    await response.write(event("cards", fragment(visit, "live_cards.html", **cards)))
    for sheet in sheets:
        await response.write(event(sheet.name, fragment(visit, "live_table.html", sheet=sheet)))


def _left(visit: Visit) -> bool:
    """Whether the browser has gone: told by its connection, well before a write would fail."""
    transport = visit.request.transport
    return transport is None or transport.is_closing()


def event(name: str, data: str) -> bytes:
    """One event; every line of its data is a line of its own (HTML Living Standard, server-sent events)."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines())
    return f"event: {name}\n{lines}\n".encode()
