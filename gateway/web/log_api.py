"""The transfer log over plain HTTP (C2SP tlog-tiles): checkpoint and hash tiles to all, entries to members."""

from aiohttp import web

from gateway.transfers.log_files import is_bundle
from gateway.web.errors import plain_problem
from gateway.web.keys import PARTS
from gateway.web.token import member_of

FOREVER = "max-age=31536000, immutable"
FINAL_HEADER = "Credit-Final"


async def get_checkpoint(request: web.Request) -> web.Response:
    """`GET /log/checkpoint`."""
    return web.Response(text=await request.app[PARTS].log_files.checkpoint(), headers={"Cache-Control": "no-cache"})


async def get_checkpoint_at(request: web.Request) -> web.Response:
    """`GET /log/checkpoints/<size>`, or `/log/checkpoints/final` for the newest that a quorum has cosigned."""
    note = await request.app[PARTS].log_files.checkpoint_at(request.match_info["size"])
    return _missing() if note is None else web.Response(text=note, headers={"Cache-Control": "no-cache"})


async def get_proof_of(request: web.Request) -> web.Response:
    """`GET /log/proof?scope=&seq=`: the leaf's tlog-proof, under the newest final checkpoint if that covers it; `Credit-Final` says so."""
    found = await request.app[PARTS].log_files.proof_of(request.query.get("scope", ""), request.query.get("seq", ""))
    if found is None:
        return _missing()
    text, final = found
    return web.Response(text=text, headers={"Cache-Control": "no-cache", FINAL_HEADER: "true" if final else "false"})


async def get_tile(request: web.Request) -> web.Response:
    """`GET /log/tile/<L>/<N>[.p/<W>]`, and `/log/tile/entries/…` for members only."""
    path = "tile/" + request.match_info["path"]
    bundle = is_bundle(path)
    if bundle:
        member_of(request)
    data = await request.app[PARTS].log_files.tile(path)
    if data is None:
        return _missing()
    return web.Response(
        body=data, content_type="application/octet-stream", headers={"Cache-Control": f"{'private' if bundle else 'public'}, {FOREVER}"}
    )


async def get_proof(request: web.Request) -> web.Response:
    """`GET /v1/log/proof?index=`: the leaf's inclusion proof at the present size; members only."""
    member_of(request)
    text = await request.app[PARTS].log_files.proof(request.query.get("index", ""))
    return _missing() if text is None else web.Response(text=text)


def _missing() -> web.Response:
    return plain_problem(404, "transferlog.tile_missing", "没有这一块", "there is no such tile")
