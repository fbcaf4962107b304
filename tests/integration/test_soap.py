"""The SOAP route over a socket: what it says to those who get it wrong, and that it goes on.  docs/transports.md, TR-12 to TR-14."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from support.wires import Wire, wired

from gateway.federation.soap_framing import SoapFault, read_answer, to_soap


async def fault(wire: Wire, body: bytes, content_type: str) -> tuple[int, SoapFault]:
    async with wire.session.post(f"{wire.base}/v1/soap", data=BytesIO(body), headers={"Content-Type": content_type}) as response:
        assert response.content_type == "text/xml"
        said = read_answer(await response.read())
        assert isinstance(said, SoapFault)
        return response.status, said


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"<x/>", "text/xml", 400, "format.soap_version"),
        (b"<x/>", "application/xml", 400, "format.not_soap"),
        (b"<!DOCTYPE x><x/>", "text/xml", 400, "format.doctype"),
        (to_soap("a.b.c", []), "text/xml", 400, "trust.bad_envelope"),
        (b" " * (20 * 1024 * 1024 + 1), "text/xml", 413, "format.too_large"),
    ],
)
async def test_soap_when_wrong_then_fault_with_our_code_and_the_next_one_is_taken(
    tmp_path: Path, body: bytes, content_type: str, status: int, code: str
) -> None:
    async with wired("soap", tmp_path) as wire:
        http, said = await fault(wire, body, content_type)
        assert (http, said.retry, said.server) == (500, False, False)
        told = json.loads(said.problem)
        assert (said.status, told["code"], told["status"]) == (status, code, status)
        assert (await wire.send(wire.request())).status == 202


async def test_soap_when_refused_by_the_rules_then_signed_no_with_200(tmp_path: Path) -> None:
    async with wired("soap", tmp_path) as wire:
        answer = await wire.send(wire.request(consent={"purpose": "advertising"}))
        body = json.loads(answer.body)
        assert (answer.status, body["problem"]["code"], "refusal" in body["receipt"]) == (403, "consent.other_purpose", True)
