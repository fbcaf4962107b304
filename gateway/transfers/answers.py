"""What a member hears: the body of an answer, and how a refusal becomes one.

A body is canonical JSON; its salted digest stands in the leaf, so the answer can be proven later.
It holds states, record ids and codes, never a name or a citizen number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.errors import GatewayError, Problem
from gateway.federation.envelope import VerifiedMessage
from gateway.federation.protocol import VERSION, status_of
from gateway.model.canonical import jcs
from gateway.model.transfer import Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` without its receipt.  `leaf` and `size` are set when a leaf proves it; `repeated` marks a stored answer given again.

    `leaf_data` is the leaf itself where it was just written; a repeat reads it from the log.
    """

    status: int
    body: bytes
    secret: bytes
    leaf: int | None = None
    size: int | None = None
    repeated: bool = False
    authentic: bool = True
    leaf_data: bytes = b""


def head_of(message: VerifiedMessage) -> dict[str, Any]:
    """What every body begins with: which message it answers, bound to the digests of its contents."""
    return {
        "v": VERSION,
        "act": message.act,
        "iss": message.iss,
        "jti": message.jti,
        "digest": {entry["name"]: entry["sd"] for entry in message.claims["con"]},
    }


def problem_json(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "code": problem.code, "zh": problem.zh, "en": problem.en}


def refusal_body(
    message: VerifiedMessage, refusal: Refusal, problems: Sequence[Problem] = (), extra: Mapping[str, Any] | None = None
) -> bytes:
    """The body of a signed "no"."""
    body = head_of(message)
    body["problem"] = {
        "code": refusal.code,
        "status": status_of(refusal.code),
        "zh": refusal.zh,
        "en": refusal.en,
        "problems": [problem_json(problem) for problem in problems],
    }
    if refusal.state:
        body["state"] = refusal.state
        body["ver"] = refusal.ver
    body.update(extra or {})
    return jcs(body)


def status_of_error(error: GatewayError) -> int:
    """The HTTP status of a fault, by the wire's one table."""
    return status_of(error.code)


def refusal_of(error: GatewayError) -> Refusal:
    """A fault found while reading an authentic message, as the value it is answered with."""
    return Refusal(error.code, error.zh, error.en)
