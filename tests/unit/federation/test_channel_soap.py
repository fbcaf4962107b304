"""SOAP 1.1: layout both ways, hostile envelopes, what the client makes of answers and faults.  docs/transports.md, TR-8 to TR-16."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import FormatError, GatewayError, PeerError, PeerUnavailableError, TransferError, TrustError
from gateway.federation.channels.soap import SoapChannel
from gateway.federation.message import Content
from gateway.federation.soap_framing import (
    CONTENT_SOAP_BYTES_MAX,
    MESSAGE_NS,
    SoapAnswer,
    SoapFault,
    from_soap,
    read_answer,
    soap_answer,
    soap_fault,
    to_soap,
)
from gateway.formats.soap import SOAP_NS
from gateway.transfers.soap_message import check_soap_head, soap_refusal

TOKEN = "aaa.bbb.ccc"
SECRET = bytes(range(32))
SOAP_12 = b"http://www.w3.org/2003/05/soap-envelope"
HOSTILE = bytes(range(256)) + "䶮]]>&<\r\n".encode() + b"\0"


def content(name: str, data: bytes, media_type: str = "application/xml") -> Content:
    return Content(name, data, media_type, SECRET)


def message(inside: str, *, header: str = "") -> bytes:
    head = f"<soap:Header>{header}</soap:Header>" if header else ""
    return f'<soap:Envelope xmlns:soap="{SOAP_NS}" xmlns:m="{MESSAGE_NS}">{head}<soap:Body>{inside}</soap:Body></soap:Envelope>'.encode()


def test_message_when_written_and_read_then_the_same_bytes_types_and_secrets() -> None:
    sent = [content("request", HOSTILE), content("part", b"", "application/octet-stream")]
    raw = from_soap(to_soap(TOKEN, sent))
    assert raw.token == TOKEN
    got = [(each.name, each.data, each.media_type, each.secret) for each in raw.contents.values()]
    assert got == [(each.name, each.data, each.media_type, each.secret) for each in sent]


def test_message_when_another_stack_wrote_it_then_line_breaks_prefixes_and_foreign_attributes_do_not_matter() -> None:
    data = base64.encodebytes(HOSTILE * 4).decode().replace("\n", "\r\n    ")
    secret = base64.urlsafe_b64encode(SECRET).decode().rstrip("=")
    raw = (
        f'<?xml version="1.0" encoding="utf-8"?><e:Envelope xmlns:e="{SOAP_NS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<e:Header><w:Sec xmlns:w="urn:other"><w:Sign>x</w:Sign></w:Sec></e:Header><e:Body>\n <message xmlns="{MESSAGE_NS}">'
        f'\n  <envelope xsi:type="string">\n {TOKEN} </envelope><!-- ours -->'
        f'<content xsi:type="base64Binary" name="part" secret="{secret}" type="application/xml">\r\n{data}\r\n</content>'
        "</message></e:Body></e:Envelope>"
    )
    read = from_soap(raw.encode())
    assert (read.token, read.contents["part"].data) == (TOKEN, HOSTILE * 4)


GOOD_SECRET = base64.urlsafe_b64encode(SECRET).decode().rstrip("=")
PART = f'<m:content name="part" type="application/xml" secret="{GOOD_SECRET}">AAAA</m:content>'
ENVELOPE = f"<m:envelope>{TOKEN}</m:envelope>"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "format.malformed"),
        (b"hello", "format.malformed"),
        (b"<a/>", "format.soap_version"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]>' + message(f"<m:message>{ENVELOPE}</m:message>"), "format.doctype"),
        (message(f"<m:message>{ENVELOPE}</m:message>").decode().encode("utf-16"), "format.encoding"),
        (b'<?xml version="1.0" encoding="UTF-7"?>' + message(f"<m:message>{ENVELOPE}</m:message>"), "format.encoding"),
        (message(f"<m:message>{ENVELOPE}</m:message>").replace(SOAP_NS.encode(), SOAP_12), "format.soap_version"),
        (message("<m:other/>"), "format.soap_message"),
        (message(f'<message xmlns="urn:other">{ENVELOPE}</message>'), "format.soap_message"),
        (message("<m:message/>"), "trust.no_envelope"),
        (message(f"<m:message>{ENVELOPE}{ENVELOPE}</m:message>"), "format.framing"),
        (message(f"<m:message>{ENVELOPE}<m:more/></m:message>"), "format.soap_message"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('AAAA', '<b/>')}</m:message>"), "format.soap_message"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('AAAA', 'A=AA')}</m:message>"), "format.base64"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('name=', 'id=')}</m:message>"), "format.soap_message"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('name=', 'href=&quot;#1&quot; name=')}</m:message>"), "format.malformed"),
        (message(f"<m:message>{ENVELOPE}{PART}{PART}</m:message>"), "format.framing"),
        (message(f"<m:message>{ENVELOPE}{PART.replace(GOOD_SECRET, 'AAAA')}</m:message>"), "format.framing"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('part', '../part')}</m:message>"), "format.framing"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('part', 'jws')}</m:message>"), "format.framing"),
        (message(f"<m:message>{ENVELOPE}{PART.replace('part', 'a,b')}</m:message>"), "format.framing"),
        (message(f"<m:message>{ENVELOPE}{PART * 30}</m:message>"), "format.too_large"),
        (message("<m:message>" + "<m:content/>" * 300 + "</m:message>"), "format.too_many_nodes"),
        (message("<m:message>" + "<m:a>" * 20 + "</m:a>" * 20 + "</m:message>"), "format.too_deep"),
        (message(f"<m:message>{ENVELOPE}</m:message>", header='<x xmlns="urn:x" soap:mustUnderstand="1"/>'), "format.soap_must_understand"),
        (message("<m:message/><m:message/>"), "format.soap_envelope"),
        (b" " * (24 * 1024 * 1024 + 1), "format.too_large"),
    ],
)  # fmt: skip
def test_message_when_hostile_then_named(raw: bytes, code: str) -> None:
    with pytest.raises(GatewayError) as told:
        from_soap(raw)
    assert told.value.code == code


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300) | st.text(alphabet="<m:message>/=\"'&;! -AZ", max_size=200).map(str.encode))
def test_message_when_random_bytes_then_only_format_errors(noise: bytes) -> None:
    for raw in (noise, message(noise.decode("latin-1"))):
        for read in (from_soap, read_answer):
            with contextlib.suppress(FormatError, TrustError):
                read(raw)


def test_content_when_over_the_layouts_limit_then_refused_both_ways() -> None:
    large = content("part", bytes(CONTENT_SOAP_BYTES_MAX + 1))
    with pytest.raises(FormatError) as told:
        to_soap(TOKEN, [large])
    assert told.value.code == "format.too_large"
    text = base64.b64encode(large.data).decode()
    with pytest.raises(FormatError) as told:
        from_soap(message(f"<m:message>{ENVELOPE}{PART.replace('AAAA', text)}</m:message>"))
    assert told.value.code == "format.too_large"
    most = content("part", bytes(CONTENT_SOAP_BYTES_MAX))
    assert from_soap(to_soap(TOKEN, [most])).contents["part"].data == most.data


@pytest.mark.parametrize("repeated", [False, True])
def test_answer_when_written_and_read_then_the_same(repeated: bool) -> None:
    assert read_answer(soap_answer(202, HOSTILE, repeated=repeated)) == SoapAnswer(202, HOSTILE, repeated)


def test_fault_when_written_and_read_then_code_status_and_problem() -> None:
    error = TransferError("transfer.unknown", "没有 <这个>", "no & such")
    fault = read_answer(soap_refusal(error))
    assert isinstance(fault, SoapFault)
    assert (fault.status, fault.retry, fault.server) == (404, False, False)
    assert b'"code":"transfer.unknown"' in fault.problem
    assert read_answer(soap_fault("storage.busy", 503, "busy", b"{}", retry=True)) == SoapFault(503, b"{}", retry=True, server=True)


@pytest.mark.parametrize(
    "answer",
    [
        '<m:answer status="202">e30=</m:answer>', '<m:answer status="99" repeated="true">e30=</m:answer>',
        '<m:answer status="202" repeated="yes">e30=</m:answer>', '<m:answer status="٢٠٢" repeated="true">e30=</m:answer>',
        '<m:answer status="202" repeated="true">{}</m:answer>', "<m:message/>", "",
    ],
)  # fmt: skip
def test_answer_when_not_of_its_form_then_format_error(answer: str) -> None:
    with pytest.raises(FormatError):
        read_answer(message(answer))


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Type": "application/soap+xml"}, "format.not_soap"),
        ({}, "format.not_soap"),
        ({"Content-Type": "text/xml", "Content-Encoding": "gzip"}, "format.content_encoding"),
    ],
)
def test_head_when_not_soap_11_then_refused_before_the_body(headers: dict[str, str], code: str) -> None:
    with pytest.raises(FormatError) as told:
        check_soap_head(headers)
    assert told.value.code == code
    check_soap_head({"Content-Type": 'text/xml; charset="utf-8"'})


# ---------------------------------------------------------------- the client


@dataclass
class Peer:
    """A SOAP server that says what it is told to say."""

    status: int = 200
    body: bytes = b""
    wait_s: float = 0.0
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.heard.append((request.headers["Content-Type"] + "|" + request.headers["SOAPAction"], await request.read()))
        await asyncio.sleep(self.wait_s)
        return web.Response(status=self.status, body=self.body, content_type="text/xml", headers={"Location": "/elsewhere"})


@asynccontextmanager
async def peer() -> AsyncIterator[tuple[Peer, SoapChannel, str]]:
    told = Peer()
    app = web.Application(client_max_size=32 << 20)
    app.add_routes([web.post("/soap", told.answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield told, SoapChannel(session, 0.5), f"http://127.0.0.1:{runner.addresses[0][1]}/soap"
    finally:
        await runner.cleanup()


async def test_post_when_tried_again_then_the_stored_contents_go_out_byte_for_byte() -> None:
    async with peer() as (told, channel, url):
        told.status = 202
        contents = [content("part", HOSTILE * 8_000)]  # over a megabyte
        for token in ("first.try.x", "second.try.y"):
            assert (await channel.post(url, token, contents)).status == 202
        heard = [from_soap(body) for _head, body in told.heard]
        assert [each.token for each in heard] == ["first.try.x", "second.try.y"]
        assert heard[0].contents == heard[1].contents
        assert {head for head, _body in told.heard} == {'text/xml; charset=utf-8|""'}


async def test_post_when_answered_then_status_body_and_mark_are_those_of_the_answer() -> None:
    async with peer() as (told, channel, url):
        told.body = soap_answer(409, b'{"a":1}', repeated=True)
        answer = await channel.post(url, TOKEN, [])
        assert (answer.status, answer.body, answer.repeated) == (409, b'{"a":1}', True)


@pytest.mark.parametrize(
    ("status", "body", "result"),
    [
        (500, soap_fault("storage.busy", 503, "busy", b"{}", retry=True), "unavailable"),
        (500, soap_fault("trust.stale", 401, "old", b'{"code":"trust.stale"}', retry=False), 401),
        (500, b"<html>proxy error</html>", "unavailable"),
        (503, b"", "unavailable"),
        (302, b"moved", 302),
        (404, b"nothing", 404),
        (500, message("<soap:Fault><faultcode>soap:Server</faultcode><faultstring>x</faultstring></soap:Fault>"), "unavailable"),
        (500, message("<soap:Fault><faultcode>soap:Client.Auth</faultcode><faultstring>x</faultstring></soap:Fault>"), 400),
        (200, b"<html/>", "off_protocol"),
        (200, b"<!DOCTYPE x><x/>", "off_protocol"),
        (200, b"x" * (24 * 1024 * 1024 + 1), "off_protocol"),
    ],
)  # fmt: skip
async def test_post_when_the_peer_says_something_else_then_one_of_three_things(status: int, body: bytes, result: int | str) -> None:
    async with peer() as (told, channel, url):
        told.status, told.body = status, body
        if isinstance(result, int):
            assert (await channel.post(url, TOKEN, [])).status == result
            return
        with pytest.raises(PeerError) as refused:
            await channel.post(url, TOKEN, [])
        assert (refused.value.code, refused.value.retry) == (f"peer.{result}", result == "unavailable")


async def test_post_when_the_peer_is_silent_then_unavailable() -> None:
    async with peer() as (told, channel, url):
        told.wait_s = 2.0
        with pytest.raises(PeerUnavailableError):
            await channel.post(url, TOKEN, [])
