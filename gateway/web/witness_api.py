"""A witness's own small listener: C2SP tlog-witness `add-checkpoint`, and beside it the note it cosigned last.

Bounded in bytes, time and number at once; there is nothing else here, and nothing in it is secret.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.client.witness import Witness

BODY_BYTES_MAX = 128 * 1024
BODY_S = 10.0
WAITING_MAX = 8


def witness_app(holder: Sequence[Witness]) -> web.Application:
    """The list holds the one witness once it is there; before that whoever asks is told to try later."""
    waiting = asyncio.Semaphore(WAITING_MAX)

    async def add_checkpoint(request: web.Request) -> web.Response:
        if not holder or waiting.locked():
            return web.Response(status=503)
        async with waiting:
            try:
                async with asyncio.timeout(BODY_S):
                    text = (await request.read()).decode("utf-8")
            except (TimeoutError, UnicodeDecodeError):
                return web.Response(status=400)
            reply = await holder[0].add(text)
        return web.Response(status=reply.status, body=reply.text.encode("utf-8"), content_type=reply.media)

    async def checkpoint(_request: web.Request) -> web.Response:
        if not holder or not holder[0].note:
            return web.Response(status=404)
        return web.Response(text=holder[0].note, headers={"Cache-Control": "no-cache"})

    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.add_routes([web.post("/add-checkpoint", add_checkpoint), web.get("/checkpoint", checkpoint)])
    return app


@asynccontextmanager
async def witness_listening(holder: Sequence[Witness], host: str, port: int) -> AsyncIterator[str]:
    """Listen while the body runs; gives the URL, which is known before there is a witness."""
    bound = socket.create_server((host, port))
    runner = web.AppRunner(witness_app(holder), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, bound).start()
        yield f"http://{host}:{bound.getsockname()[1]}"
    finally:
        await runner.cleanup()
