"""Around every handler: errors become problems, one log line a request, no personal data in either."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from gateway.errors import GatewayError
from gateway.metrics import REFUSED, REQUEST_SECONDS
from gateway.web.errors import plain_problem, problem

log = structlog.get_logger("gateway.http")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def errors_and_log(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Time it, answer its faults, write one line."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    code = ""
    try:
        response = await handler(request)
    except GatewayError as error:
        code = error.code
        REFUSED.labels(error.code).inc()
        response = problem(error)
    except web.HTTPRequestEntityTooLarge:
        code = "format.too_large"
        response = plain_problem(413, code, "请求体过大", "the request body is over its limit")
    except web.HTTPException as error:
        code = "http"
        response = plain_problem(error.status, f"http.{error.status}", "没有此地址或方法", "no such address or method")
    took = loop.time() - started
    REQUEST_SECONDS.observe(took)
    route = request.match_info.route.resource
    log.info(
        "request",
        method=request.method,
        route=route.canonical if route else "",
        status=response.status,
        code=code,
        duration_ms=round(took * 1000, 2),
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
