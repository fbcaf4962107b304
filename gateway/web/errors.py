"""From an error to an RFC 9457 problem.  Codes become statuses by the wire's one table (`transfers.problems`)."""

from aiohttp import web

from gateway.errors import GatewayError
from gateway.model.canonical import Json, jcs
from gateway.transfers.problems import PROBLEM_TYPE, problem_document

PROBLEM_MEDIA = "application/problem+json"
RETRY_AFTER_S = "5"
KEPT_BY_NOBODY = {"Cache-Control": "no-store"}
"""What is not there now may be there in a second, as a tile of the log is."""


def problem(error: GatewayError) -> web.Response:
    """The problem document of an error: code, both languages, every problem, no personal value."""
    status, body = problem_document(error)
    headers = KEPT_BY_NOBODY | ({"Retry-After": RETRY_AFTER_S} if error.retry else {})
    return web.Response(status=status, body=body, content_type=PROBLEM_MEDIA, headers=headers)


def plain_problem(status: int, code: str, zh: str, en: str) -> web.Response:
    """A problem of the HTTP edge itself (no such route, body too large)."""
    body: dict[str, Json] = {"type": PROBLEM_TYPE + code, "code": code, "status": status, "title": en, "zh": zh, "en": en}
    return web.Response(status=status, body=jcs(body), content_type=PROBLEM_MEDIA, headers=KEPT_BY_NOBODY)
