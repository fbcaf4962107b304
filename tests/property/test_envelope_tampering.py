"""Whatever is changed in a message, in whatever place, it is refused; whatever is sent arrives unchanged."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, TrustError
from gateway.federation import protocol
from gateway.federation.claims import CONTENT_NAME
from gateway.federation.envelope import open_envelope, unseal
from gateway.federation.framing import RESERVED, HttpPart, from_files, from_http, to_files, to_http
from gateway.federation.message import Content, RawContent
from tests.support.envelopes import REQUEST, TARGET, find, forge, header, opened, raw, sealed

TOKENS = {iss: sealed(iss) for iss in ("CN-31", "CN-32")}
REFUSED = {"trust.bad_envelope", "trust.bad_signature", "trust.unknown_key"}

names = st.from_regex(CONTENT_NAME, fullmatch=True).filter(lambda name: name not in RESERVED)
contents = st.lists(
    st.builds(
        Content,
        name=names,
        data=st.binary(max_size=200),
        media_type=st.sampled_from(["application/xml", "application/json", "text/csv"]),
        secret=st.binary(min_size=32, max_size=32),
    ),
    max_size=protocol.CONTENTS_MAX,
    unique_by=lambda each: each.name,
).map(tuple)


@given(st.sampled_from(sorted(TOKENS)), st.data())
def test_unseal_when_one_character_of_the_token_is_changed_then_refuses(iss: str, draw: st.DataObject) -> None:
    token = TOKENS[iss]
    place = draw.draw(st.integers(0, len(token) - 1))
    character = draw.draw(st.characters(max_codepoint=0x7F).filter(lambda found: found != token[place]))
    with pytest.raises(TrustError) as caught:
        opened(token[:place] + character + token[place + 1 :])
    assert caught.value.code in REFUSED


@given(st.sampled_from(sorted(TOKENS)), st.integers(0, 2000), st.integers(1, 40))
def test_unseal_when_characters_are_cut_out_then_refuses(iss: str, place: int, count: int) -> None:
    token = TOKENS[iss]
    place %= len(token)
    with pytest.raises(TrustError):
        opened(token[:place] + token[place + count :])


@given(st.sampled_from(REQUEST), st.data())
def test_unseal_when_one_byte_of_a_content_or_secret_is_changed_then_refuses(chosen: Content, draw: st.DataObject) -> None:
    given_contents = raw(REQUEST)
    field = draw.draw(st.sampled_from(["data", "secret"]))
    value: bytes = getattr(chosen, field)
    place, flip = draw.draw(st.integers(0, len(value) - 1)), draw.draw(st.integers(1, 255))
    changed = value[:place] + bytes([value[place] ^ flip]) + value[place + 1 :]
    arguments: dict[str, Any] = {"name": chosen.name, "data": chosen.data, "media_type": chosen.media_type, "secret": chosen.secret}
    given_contents[chosen.name] = RawContent(**(arguments | {field: changed}))
    with pytest.raises(TrustError) as caught:
        unseal(TOKENS["CN-31"], given_contents, keys=find, audience="CN-YRD", http=TARGET)
    assert caught.value.code == "trust.digest_mismatch"


@given(st.text(max_size=200))
def test_open_envelope_when_given_any_text_then_raises_only_its_error(text: str) -> None:
    with pytest.raises(TrustError):
        open_envelope(text, keys=find)


@given(st.binary(max_size=200))
def test_open_envelope_when_a_member_signs_any_payload_then_raises_only_its_error(payload: bytes) -> None:
    with pytest.raises(TrustError):
        open_envelope(forge(header(), payload), keys=find)


@settings(max_examples=50)
@given(contents)
def test_message_when_sent_over_http_and_in_files_then_arrives_unchanged(sent: tuple[Content, ...]) -> None:
    over_http = sealed(contents=sent, act="expire")
    form = to_http(over_http, sent)
    read = from_http(form.headers, form.parts)
    message = unseal(read.token, read.contents, keys=find, audience="CN-YRD", http=TARGET)
    assert tuple(message.contents.values()) == sent

    in_files = sealed(contents=sent, act="expire", http=None)
    read = from_files("m", dict(to_files("m", in_files, sent)))
    again = unseal(read.token, read.contents, keys=find, audience="CN-YRD", http=None)
    assert tuple(again.contents.values()) == sent
    assert again.content_digest == message.content_digest


@given(
    st.lists(st.tuples(st.sampled_from(["Credit-Envelope", "Credit-Secret", "X"]), st.text(max_size=60)), max_size=6),
    st.lists(st.builds(HttpPart, st.text(max_size=8), st.binary(max_size=8), st.text(max_size=8)), max_size=4),
)
def test_from_http_when_given_anything_then_raises_only_gateway_errors(headers: list[tuple[str, str]], parts: list[HttpPart]) -> None:
    try:
        read = from_http(headers, parts)
    except GatewayError:
        return
    assert set(read.contents) == {part.name for part in parts}


@given(st.dictionaries(st.sampled_from(["m.jws", "m.secrets", "m.part", "m.", "m", "n.part"]), st.binary(max_size=60)))
def test_from_files_when_given_anything_then_raises_only_gateway_errors(files: dict[str, bytes]) -> None:
    try:
        read = from_files("m", files)
    except GatewayError:
        return
    assert "m.jws" in files
    assert len(read.contents) == len(files) - 2
