"""The transfer log over plain HTTP (C2SP tlog-tiles): checkpoint and hash tiles to all, entries to members."""

from aiohttp import web

from gateway.errors import TransferLogError
from gateway.transferlog.tiles import ENTRIES, parse_path, tile_width, write_bundle
from gateway.web.errors import plain_problem
from gateway.web.keys import PARTS
from gateway.web.token import member_of

FOREVER = "public, max-age=31536000, immutable"


async def get_checkpoint(request: web.Request) -> web.Response:
    """`GET /log/checkpoint`."""
    _, note = await request.app[PARTS].ledger.head()
    return web.Response(text=note, headers={"Cache-Control": "no-cache"})


async def get_tile(request: web.Request) -> web.Response:
    """`GET /log/tile/<L>/<N>[.p/<W>]` and `/log/tile/entries/…`; a width above the present size is refused."""
    parts = request.app[PARTS]
    size, _ = await parts.reading.head()
    try:
        ref = parse_path("tile/" + request.match_info["path"])
        if ref.width > tile_width(size, ref.level, ref.index):
            return _missing()
        if ref.level == ENTRIES:
            member_of(request)
            return _bytes(write_bundle(await parts.reading.entries(ref.index * 256, ref.index * 256 + ref.width)))
        return _bytes((await parts.reading.tiles([ref]))[ref])
    except TransferLogError:
        return _missing()


async def get_proof(request: web.Request) -> web.Response:
    """`GET /v1/log/proof?index=`: leaf and proof at the present size; members only."""
    parts = request.app[PARTS]
    member_of(request)
    text = request.query.get("index", "")
    size, _ = await parts.reading.head()
    if not (text.isdecimal() and len(text) < 16 and int(text) < size):
        return _missing()
    return web.Response(text=await parts.ledger.proof(int(text), size))


def _bytes(data: bytes) -> web.Response:
    return web.Response(body=data, content_type="application/octet-stream", headers={"Cache-Control": FOREVER})


def _missing() -> web.Response:
    return plain_problem(404, "transferlog.tile_missing", "没有这一块", "there is no such tile")
