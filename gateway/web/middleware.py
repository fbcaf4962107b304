"""Around every handler: errors become problems, one log line a request, no personal data in either."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from gateway.errors import GatewayError
from gateway.metrics import REFUSED, REQUEST_SECONDS
from gateway.web.errors import plain_problem, problem

log = structlog.get_logger("gateway.http")
TEXTS = {
    404: ("没有此地址", "there is no such address"),
    405: ("此地址不接受该方法", "this address does not take that method"),
    408: ("请求体发送过慢", "the request body came too slowly"),
}
NOT_TAKEN = ("请求未被接受", "the request was not taken")
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
        response = plain_problem(error.status, f"http.{error.status}", *TEXTS.get(error.status, NOT_TAKEN))
    except Exception as error:  # noqa: BLE001 (our own mistake: the sender hears so in the form it knows, and the place is logged)
        code = "http.500"
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("unexpected", fault=type(error).__name__, file=place.filename, line=place.lineno)  # noqa: TRY400
        response = plain_problem(500, code, "网关内部错误", "something unexpected went wrong in the gateway")
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
