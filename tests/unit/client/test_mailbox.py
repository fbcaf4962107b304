"""The answer to a poll: its one form, and every other form refused by name."""

import base64
import json
from typing import Any

import pytest

from gateway.client.mailbox import MESSAGES_MAX, read_handed
from gateway.errors import PeerError
from gateway.model.canonical import b64url

POLL = "AAAAAAAAAAAAAAAAAAAAAA"


def content(**changes: Any) -> dict[str, Any]:
    return {"name": "notice", "type": "application/json", "secret": b64url(b"s" * 32), "data": base64.b64encode(b"{}").decode(), **changes}


def answer(*messages: Any, **changes: Any) -> bytes:
    return json.dumps({"v": 1, "irt": POLL, "messages": list(messages), **changes}).encode()


def test_answer_when_it_has_its_form_then_gives_the_messages_as_read() -> None:
    found = read_handed(answer({"envelope": "a.b.c", "contents": [content()]}), POLL)
    assert [message.token for message in found] == ["a.b.c"]
    assert found[0].contents["notice"].data == b"{}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        answer(irt="another"),
        answer(messages=None),
        answer(*[{}] * (MESSAGES_MAX + 1)),
        answer({"contents": []}),
        answer({"envelope": "a.b.c"}),
        answer({"envelope": "a.b.c", "contents": [content(secret="AAAA")]}),
        answer({"envelope": "a.b.c", "contents": [content(secret="=")]}),
        answer({"envelope": "a.b.c", "contents": [content(data="@@")]}),
        answer({"envelope": "a.b.c", "contents": [content(), content()]}),
        answer({"envelope": "a.b.c", "contents": [content()] * 25}),
        answer({"envelope": "a.b.c", "contents": [7]}),
        answer({"envelope": "a.b.c", "contents": 7}),
        answer(7),
    ],
)
def test_answer_when_of_another_form_then_off_protocol(body: bytes) -> None:
    with pytest.raises(PeerError, match=r"peer\.off_protocol"):
        read_handed(body, POLL)
