"""`/api/`: the member API's documentation by Swagger UI, over `/api/openapi.json`.  A layout of its own: pico would restyle it."""

import json
from typing import Final

from aiohttp import web

from gateway.web.openapi import document
from gateway.web.pages.visit import Shown, Visit

_BODY: Final = json.dumps(document(), ensure_ascii=False, separators=(",", ":")).encode()


async def show_api(_visit: Visit) -> Shown:
    return Shown("api.html")


async def get_openapi(_request: web.Request) -> web.Response:
    """`GET /api/openapi.json`: the document, for anybody."""
    return web.Response(body=_BODY, content_type="application/json")
