"""Jiangsu's envelope: what may stand in it and what may not."""

from pathlib import Path

import pytest

from gateway.adapters.jiangsu.adapter import build
from gateway.errors import FormatError, RecordError
from gateway.formats.soap import base64_text, write_soap
from gateway.model.local import PartManifest

SAMPLES = Path(__file__).parents[3] / "gateway/adapters/jiangsu/samples"
IDS = PartManifest("2024-07", {1: "JS-A", 2: "JS-B"})
JIANGSU = build({})


@pytest.mark.parametrize("inner", [b"", b"<a/>", write_soap("<a/>"), b"\xff\xfe<\0"])
def test_envelope_when_payload_is_no_cgpc_then_refused_by_name(inner):
    body = f'<js:pushCg xmlns:js="urn:jsxfyh:1.4"><js:data>{base64_text(inner)}</js:data></js:pushCg>'
    with pytest.raises((FormatError, RecordError)) as caught:
        JIANGSU.parse(write_soap(body), IDS)
    assert caught.value.code in {"format.malformed", "format.encoding", "record.unknown_document"}


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("<js:Sec {ns}/><js:Sec {ns}/>", "record.repeated_element"),
        ("<js:Sec {ns}><js:Sign>a</js:Sign><js:Sign>b</js:Sign></js:Sec>", "record.repeated_element"),
        ("<js:Sec {ns}><js:Sign>" + "a" * 3000 + "</js:Sign></js:Sec>", "record.text_too_long"),
        ("<js:Sec {ns}>" + "".join(f"<js:A{n}/>" for n in range(300)) + "</js:Sec>", "record.too_many_values"),
    ],
)
def test_security_header_when_overdone_then_refused(block, code):
    header = block.replace("{ns}", 'xmlns:js="urn:jsxfyh:1.4"')
    body = f'<js:pushCg xmlns:js="urn:jsxfyh:1.4"><js:data>{base64_text((SAMPLES / "good/js.xml").read_bytes())}</js:data></js:pushCg>'
    with pytest.raises(RecordError) as caught:
        JIANGSU.parse(write_soap(body, header=header), IDS)
    assert caught.value.code == code
