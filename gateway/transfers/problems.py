"""An error as an RFC 9457 problem document: code, both languages, every problem, no personal value.

The same document over HTTP, in a SOAP fault and in a receipt file.
"""

from typing import Final

from gateway.errors import GatewayError
from gateway.model.canonical import Json, jcs
from gateway.transfers.answers import problem_json, status_of_error

PROBLEM_TYPE: Final = "https://docs.yrd-credit.example/errors/"


def problem_document(error: GatewayError) -> tuple[int, bytes]:
    """Its status (by the wire's one table) and its bytes."""
    status = status_of_error(error)
    body: dict[str, Json] = {
        "type": PROBLEM_TYPE + error.code,
        "code": error.code,
        "status": status,
        "title": error.en,
        "zh": error.zh,
        "en": error.en,
        "retryable": error.retry,
        "errors": [dict[str, Json](problem_json(each)) for each in error.problems],
    }
    return status, jcs(body)
