"""Layout over HTTP and in files: what comes back, and everything that is not laid out so."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.errors import FormatError, GatewayError, TrustError
from gateway.federation import framing, protocol
from gateway.federation.framing import HttpPart, RawMessage, files_wanted, from_files, from_http, is_complete, to_files, to_http
from gateway.model.canonical import b64url
from tests.support.envelopes import REQUEST, content, find, opened, raw, sealed
from tests.support.envelopes import TARGET as HTTP

TOKEN = sealed()
FORM = to_http(TOKEN, REQUEST)
FILES = dict(to_files("m-1", TOKEN, REQUEST))
SECRET = b64url(b"\x07" * 32)


def test_http_when_read_back_then_is_the_message() -> None:  # EN-50, EN-51
    assert FORM.headers[0] == ("Credit-Envelope", TOKEN)
    assert FORM.headers[1] == ("Credit-Secret", f"request={b64url(REQUEST[0].secret)}")
    read = from_http(FORM.headers, FORM.parts)
    assert read == RawMessage(TOKEN, raw(REQUEST))
    assert opened(read.token).act == "request"


def test_http_when_headers_come_folded_lowered_and_in_company_then_reads_the_same() -> None:  # EN-51
    secrets = ", ".join(value for name, value in FORM.headers if name == "Credit-Secret")
    headers = [("host", "x"), ("credit-secret", secrets), ("CREDIT-ENVELOPE", TOKEN), ("accept-encoding", "gzip")]
    assert from_http(headers, FORM.parts) == from_http(FORM.headers, FORM.parts)


def http(headers: list[tuple[str, str]] | None = None, parts: list[HttpPart] | None = None) -> RawMessage:
    return from_http(FORM.headers if headers is None else headers, FORM.parts if parts is None else parts)


HTTP_FAULTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "no envelope": ("trust.no_envelope", lambda: http(list(FORM.headers[1:]))),
    "two envelopes": ("format.framing", lambda: http([*FORM.headers, FORM.headers[0]])),
    "content encoding": ("format.content_encoding", lambda: http([*FORM.headers, ("Content-Encoding", "gzip")])),
    "identity encoding": ("format.content_encoding", lambda: http([*FORM.headers, ("content-encoding", "identity")])),
    "secret lacks": ("trust.missing_secret", lambda: http(list(FORM.headers[:-1]))),
    "secret twice": ("format.framing", lambda: http([*FORM.headers, FORM.headers[1]])),
    "secret of nothing": ("trust.missing_content", lambda: http([*FORM.headers, ("Credit-Secret", f"manifest={SECRET}")])),
    "secret short": ("format.framing", lambda: http([FORM.headers[0], ("Credit-Secret", "request=" + b64url(b"x" * 31))])),
    "secret padded": ("format.framing", lambda: http([FORM.headers[0], ("Credit-Secret", f"request={SECRET}=")])),
    "secret unnamed": ("format.framing", lambda: http([FORM.headers[0], ("Credit-Secret", SECRET)])),
    "secret empty": ("format.framing", lambda: http([FORM.headers[0], ("Credit-Secret", "")])),
    "secret misnamed": ("format.framing", lambda: http([FORM.headers[0], ("Credit-Secret", f"../x={SECRET}")])),
    "secret reserved": ("format.framing", lambda: http([FORM.headers[0], ("Credit-Secret", f"receipt={SECRET}")])),
    "secrets flood": ("format.too_large", lambda: http([FORM.headers[0], *[("Credit-Secret", "x" * 100)] * 100])),
    "secrets many": ("format.too_large", lambda: http([FORM.headers[0], ("Credit-Secret", "," * 30)])),
    "part twice": ("format.framing", lambda: http(parts=[*FORM.parts, FORM.parts[0]])),
    "part misnamed": ("format.framing", lambda: http(parts=[HttpPart("A B", b"", "a/b")])),
    "part reserved": ("format.framing", lambda: http(parts=[HttpPart("jws", b"", "a/b")])),
    "part lacks": ("trust.missing_content", lambda: http(parts=list(FORM.parts[:-1]))),
    "parts many": ("format.too_large", lambda: http(parts=[HttpPart(f"n{number}", b"", "a/b") for number in range(25)])),
    "part big": ("format.too_large", lambda: http(parts=[HttpPart("part", bytes(protocol.CONTENT_BYTES_MAX + 1), "a/b")])),
    "parts big": (
        "format.too_large",
        lambda: http(parts=[HttpPart(f"n{number}", bytes(protocol.CONTENT_BYTES_MAX), "a/b") for number in range(3)]),
    ),
    "envelope big": ("format.too_large", lambda: http([("Credit-Envelope", "x" * (protocol.ENVELOPE_BYTES_MAX + 1))])),
}


@pytest.mark.parametrize("name", HTTP_FAULTS)
def test_from_http_when_not_laid_out_so_then_refuses(name: str) -> None:
    code, attempt = HTTP_FAULTS[name]
    with pytest.raises(GatewayError) as caught:
        attempt()
    assert caught.value.code == code


def test_files_when_written_then_envelope_is_last_and_secrets_before_it() -> None:  # EN-60, EN-61
    names = [name for name, _data in to_files("m-1", TOKEN, REQUEST)]
    assert names == ["m-1.request", "m-1.identity", "m-1.consent", "m-1.part", "m-1.secrets", "m-1.jws"]
    assert FILES["m-1.jws"] == TOKEN.encode() + b"\n"


def test_files_when_read_back_then_is_the_message_without_media_types() -> None:
    assert from_files("m-1", FILES) == RawMessage(TOKEN, raw(REQUEST, typed=False))


def test_files_when_message_has_no_contents_then_round_trips() -> None:
    token = sealed(contents=(), act="noted", http=None)
    files = dict(to_files("n", token, ()))
    assert files["n.secrets"] == b""
    assert files_wanted("n", b"") == ("n.secrets", "n.jws")
    assert from_files("n", files) == RawMessage(token, {})


@pytest.mark.parametrize("missing", sorted(FILES))
def test_is_complete_when_a_file_is_not_there_yet_then_is_false(missing: str) -> None:  # EN-62
    assert is_complete("m-1", FILES["m-1.secrets"], FILES.keys())
    assert not is_complete("m-1", FILES["m-1.secrets"], FILES.keys() - {missing})


def files(*without: str, **changes: bytes) -> RawMessage:
    given = {name: data for name, data in FILES.items() if name.partition(".")[2] not in without}
    given.update((f"m-1.{suffix}", data) for suffix, data in changes.items())
    return from_files("m-1", given)


FILE_FAULTS: dict[str, tuple[str, Callable[[], Any]]] = {
    "no envelope": ("trust.no_envelope", lambda: files("jws")),
    "no secrets": ("format.framing", lambda: files("secrets")),
    "no part": ("trust.missing_content", lambda: files("part")),
    "no secret": ("trust.missing_secret", lambda: files(manifest=b"x")),
    "receipt": ("format.framing", lambda: files(receipt=b"x")),
    "other message": ("format.framing", lambda: from_files("m-1", FILES | {"m-2.part": b""})),
    "no dot": ("format.framing", lambda: from_files("m-1", FILES | {"m-1": b""})),
    "two dots": ("format.framing", lambda: from_files("m-1", FILES | {"m-1.part.tmp": b""})),
    "bad name": ("format.framing", lambda: from_files("../m", {})),
    "long name": ("format.framing", lambda: from_files("m" * 65, {})),
    "no line feed": ("format.framing", lambda: files(jws=TOKEN.encode())),
    "secrets no line feed": ("format.framing", lambda: files(secrets=FILES["m-1.secrets"][:-1])),
    "secrets crlf": ("format.framing", lambda: files(secrets=FILES["m-1.secrets"].replace(b"\n", b"\r\n"))),
    "secrets empty line": ("format.framing", lambda: files(secrets=FILES["m-1.secrets"] + b"\n")),
    "secrets twice": ("format.framing", lambda: files(secrets=FILES["m-1.secrets"] * 2)),
    "secrets not ascii": ("format.framing", lambda: files(secrets=b"\xff\n")),
    "secrets flood": ("format.too_large", lambda: files(secrets=b"x" * 10_000)),
    "secrets many": ("format.too_large", lambda: files(secrets=b"\n" * 30)),
    "envelope not ascii": ("format.framing", lambda: files(jws="令牌\n".encode())),
    "envelope flood": ("format.too_large", lambda: files(jws=b"x" * 20_000)),
}


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_from_files_when_not_laid_out_so_then_refuses(name: str) -> None:  # EN-60, EN-63, EN-64
    code, attempt = FILE_FAULTS[name]
    with pytest.raises(GatewayError) as caught:
        attempt()
    assert caught.value.code == code


def test_from_files_when_a_line_feed_follows_the_token_twice_then_the_envelope_is_refused() -> None:
    """Framing takes one line feed off; what is left is judged as a token."""
    message = files(jws=TOKEN.encode() + b"\n\n")
    with pytest.raises(TrustError) as caught:
        opened(message.token)
    assert caught.value.code == "trust.bad_envelope"


def test_layout_when_sender_has_impossible_names_then_refuses() -> None:
    for contents in ((content("secrets"),), (content("part"), content("part")), (content("A"),)):
        with pytest.raises(FormatError):
            to_http(TOKEN, contents)
        with pytest.raises(FormatError):
            to_files("m-1", TOKEN, contents)
    with pytest.raises(FormatError):
        to_files("a.b", TOKEN, ())


def test_reserved_names_when_compared_with_the_wire_then_no_act_uses_them() -> None:
    used = {name for groups in protocol.CONTENT_NAMES.values() for group in groups for name in group}
    assert not used & framing.RESERVED


def test_layout_when_a_message_crosses_http_then_unseals() -> None:
    read = from_http(FORM.headers, FORM.parts)
    assert opened(read.token, keys=find, http=HTTP).contents["part"].data == b'{"n": 1}'
