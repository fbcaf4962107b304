"""Our multipart reader against aiohttp's own writer, and against everything that is not a message of ours."""

import contextlib

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FormatError
from gateway.federation.framing import HttpPart
from gateway.federation.multipart import boundary_of, read_parts

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
PARTS = st.lists(st.builds(HttpPart, NAMES, st.binary(max_size=300), st.sampled_from(["application/xml", "application/json"])), max_size=6)


class Sink:
    """Collects what a writer writes."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, chunk: bytes) -> None:
        self.data += chunk


async def written(parts: list[HttpPart]) -> tuple[str, bytes]:
    writer = aiohttp.MultipartWriter("form-data")
    for part in parts:
        writer.append(part.data, {"Content-Type": part.media_type}).set_content_disposition("form-data", name=part.name)
    sink = Sink()
    await writer.write(sink)
    return writer.headers["Content-Type"], bytes(sink.data)


@given(PARTS)
async def test_parts_when_written_by_aiohttp_then_read_back_exactly(parts: list[HttpPart]) -> None:
    content_type, body = await written(parts)
    assert read_parts(body, boundary_of(content_type)) == parts


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("text/plain", "format.not_multipart"),
        ("", "format.not_multipart"),
        ("multipart/mixed; boundary=x", "format.not_multipart"),
        ("multipart/form-data", "format.framing"),
        ("multipart/form-data; boundary=", "format.framing"),
        ("multipart/form-data; boundary=" + "x" * 71, "format.framing"),
        ('multipart/form-data; boundary="x', "format.framing"),
        ("multipart/form-data; boundary=x; charset=utf-8", "format.framing"),
    ],
)
def test_content_type_when_of_another_form_then_refused(content_type: str, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        boundary_of(content_type)
    assert caught.value.code == code


GOOD = b'\r\nContent-Type: application/xml\r\nContent-Disposition: form-data; name="part"\r\n\r\ndata'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "format.framing"),
        (b"--x", "format.framing"),
        (b"preamble\r\n--x" + GOOD + b"\r\n--x--\r\n", "format.framing"),
        (b"--x" + GOOD + b"\r\n--x--\r\ntrailer", "format.framing"),
        (b"--x" + GOOD, "format.framing"),
        (b"--x" + GOOD.replace(b"form-data", b"attachment") + b"\r\n--x--\r\n", "format.framing"),
        (b"--x" + GOOD.replace(b'"part"', b'"../part"') + b"\r\n--x--\r\n", "format.framing"),
        (b"--x" + GOOD.replace(b"application/xml", b"text/xml; charset=gbk") + b"\r\n--x--\r\n", "format.framing"),
        (b"--x" + GOOD.replace(b"Content-Type: application/xml\r\n", b"X" * 2000 + b": y\r\n") + b"\r\n--x--\r\n", "format.framing"),
        (b"--x" + GOOD.replace(b"Content-Type", b"content-disposition") + b"\r\n--x--\r\n", "format.framing"),
        (
            b"--x" + GOOD.replace(b"\r\nContent-Type", b"\r\nContent-Encoding: gzip\r\nContent-Type") + b"\r\n--x--\r\n",
            "format.content_encoding",
        ),
        ((b"--x" + GOOD + b"\r\n") * 30 + b"--x--\r\n", "format.framing"),
    ],
)
def test_body_when_of_another_form_then_refused(body: bytes, code: str) -> None:
    assert read_parts(b"--x" + GOOD + b"\r\n--x--\r\n", b"x") == [HttpPart("part", b"data", "application/xml")]
    with pytest.raises(FormatError) as caught:
        read_parts(body, b"x")
    assert caught.value.code == code


@given(st.binary(max_size=400))
def test_body_when_random_then_parts_or_a_named_refusal(body: bytes) -> None:
    found = []
    with contextlib.suppress(FormatError):
        found = read_parts(body, b"x")
    assert all(part.name for part in found)
