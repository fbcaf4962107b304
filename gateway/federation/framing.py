"""How a token, its contents and their secrets are laid out over HTTP and in files.  Pure: no sockets, no disk.

HTTP: `multipart/form-data`, one part a content (field name = content name); headers
`Credit-Envelope: <token>` and, one a content, `Credit-Secret: <name>=<base64url of 32 bytes>`.
Files: `NAME.<content>` each, `NAME.secrets` (one `name=base64url` line each), last `NAME.jws`; the
receiver acts only when all of them are there.  What is parsed here is not yet believed: it goes
to `envelope.unseal`.  Sentences: docs/protocol-envelope.md, EN-50 to EN-69.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import FormatError, Problem, TrustError
from gateway.federation import protocol
from gateway.federation.claims import CONTENT_NAME, missing, unexpected
from gateway.federation.message import Content, RawContent
from gateway.model.canonical import b64url, unb64url

FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
SUFFIX_ENVELOPE: Final = "jws"
SUFFIX_SECRETS: Final = "secrets"
SUFFIX_RECEIPT: Final = "receipt"
RESERVED: Final = frozenset({SUFFIX_ENVELOPE, SUFFIX_SECRETS, SUFFIX_RECEIPT})
SECRET_LINE_MAX: Final = 256
SECRETS_BYTES_MAX: Final = SECRET_LINE_MAX * protocol.CONTENTS_MAX


@dataclass(frozen=True, slots=True)
class RawMessage:
    """Token and contents as read, not yet believed."""

    token: str
    contents: Mapping[str, RawContent]


@dataclass(frozen=True, slots=True)
class HttpPart:
    """One multipart part: field name, bytes, media type without parameters."""

    name: str
    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class HttpForm:
    """A message laid out for HTTP."""

    headers: tuple[tuple[str, str], ...]
    parts: tuple[HttpPart, ...]


def _fault(en: str, problems: Sequence[Problem] = ()) -> FormatError:
    return FormatError(
        "format.framing", "消息的承载形式不正确", f"the message is not laid out as it must be: {en}", problems=tuple(problems)
    )


def _too_large() -> FormatError:
    return FormatError("format.too_large", "消息超过大小或件数上限", "the message is over a limit of size or count")


def to_http(token: str, contents: Sequence[Content]) -> HttpForm:
    """Headers and parts, in the order of `contents`."""
    _check_names([each.name for each in contents])
    secrets = ((protocol.HEADER_SECRET, f"{each.name}={b64url(each.secret)}") for each in contents)
    return HttpForm(
        headers=((protocol.HEADER_ENVELOPE, token), *secrets),
        parts=tuple(HttpPart(each.name, each.data, each.media_type) for each in contents),
    )


def from_http(headers: Iterable[tuple[str, str]], parts: Sequence[HttpPart]) -> RawMessage:
    """`headers`: all pairs of the request, repeated ones repeated; names in any case.

    Raises TrustError `trust.no_envelope`, `trust.missing_content` (a secret without its content),
    `trust.missing_secret`; FormatError `format.framing`, `format.too_large`, `format.content_encoding`.
    """
    found: dict[str, list[str]] = {"content-encoding": [], protocol.HEADER_ENVELOPE.lower(): [], protocol.HEADER_SECRET.lower(): []}
    for name, value in headers:
        if (lowered := name.lower()) in found:
            found[lowered].append(value)
    if found["content-encoding"]:
        raise FormatError("format.content_encoding", "签名消息不得使用 Content-Encoding", "a signed message must not be content-encoded")
    tokens = found[protocol.HEADER_ENVELOPE.lower()]
    if not tokens:
        raise TrustError("trust.no_envelope", "缺少签名信封", "the message carries no envelope")
    if len(tokens) > 1:
        raise _fault("more than one envelope")
    lines = _folded(found[protocol.HEADER_SECRET.lower()])
    _check_sizes(tokens[0], [part.data for part in parts])
    _check_names([part.name for part in parts])
    raw = {part.name: (part.data, part.media_type) for part in parts}
    return RawMessage(tokens[0], _join(raw, _read_secrets(lines)))


def _folded(values: Sequence[str]) -> list[str]:
    """Repeated header fields may arrive joined by commas (RFC 9110, 5.3); names and base64url hold none."""
    if sum(len(value) for value in values) > SECRETS_BYTES_MAX:
        raise _too_large()
    return [line.strip(" \t") for value in values for line in value.split(",")]


def to_files(name: str, token: str, contents: Sequence[Content]) -> tuple[tuple[str, bytes], ...]:
    """`(file name, bytes)` in the order in which they must be put in place; the envelope is last."""
    _check_file_name(name)
    _check_names([each.name for each in contents])
    secrets = "".join(f"{each.name}={b64url(each.secret)}\n" for each in contents)
    return (
        *((f"{name}.{each.name}", each.data) for each in contents),
        (f"{name}.{SUFFIX_SECRETS}", secrets.encode("ascii")),
        (f"{name}.{SUFFIX_ENVELOPE}", token.encode("ascii") + b"\n"),
    )


def files_wanted(name: str, secrets: bytes) -> tuple[str, ...]:
    """All file names of the message, given the bytes of its `.secrets`.  Raises FormatError `format.framing`."""
    _check_file_name(name)
    contents = _read_secrets(_secret_lines(secrets))
    return (*(f"{name}.{each}" for each in contents), f"{name}.{SUFFIX_SECRETS}", f"{name}.{SUFFIX_ENVELOPE}")


def is_complete(name: str, secrets: bytes, present: Collection[str]) -> bool:
    """Whether all files of the message lie there; if not, wait: it is no fault yet.  Raises FormatError `format.framing`."""
    return all(wanted in present for wanted in files_wanted(name, secrets))


def from_files(name: str, files: Mapping[str, bytes]) -> RawMessage:
    """`files`: every file of this NAME but the receipt, by file name.

    Raises TrustError `trust.no_envelope`, `trust.missing_content`, `trust.missing_secret`;
    FormatError `format.framing`, `format.too_large`.
    """
    _check_file_name(name)
    by_suffix: dict[str, bytes] = {}
    for file_name, data in files.items():
        stem, dot, suffix = file_name.partition(".")
        if stem != name or not dot:
            raise _fault("a file of another message")
        by_suffix[suffix] = data
    envelope = by_suffix.pop(SUFFIX_ENVELOPE, None)
    if envelope is None:
        raise TrustError("trust.no_envelope", "缺少签名信封", "the message carries no envelope")
    token = _ascii(envelope)
    secrets = by_suffix.pop(SUFFIX_SECRETS, None)
    if secrets is None or not token.endswith("\n"):
        raise _fault("no .secrets file, or an envelope file that does not end in one line feed")
    token = token[:-1]
    _check_sizes(token, list(by_suffix.values()))
    _check_names(list(by_suffix))
    return RawMessage(token, _join({each: (data, None) for each, data in by_suffix.items()}, _read_secrets(_secret_lines(secrets))))


def _check_file_name(name: str) -> None:
    if FILE_NAME.fullmatch(name) is None:
        raise _fault("a message's file name is 1 to 64 letters, digits, - or _")


def _check_names(names: Sequence[str]) -> None:
    if len(names) > protocol.CONTENTS_MAX:
        raise _too_large()
    if any(CONTENT_NAME.fullmatch(name) is None or name in RESERVED for name in names):
        raise _fault("a content has an impossible name", unexpected(name for name in names if not CONTENT_NAME.fullmatch(name)))
    if len(set(names)) != len(names):
        raise _fault("a content occurs twice")


def _check_sizes(token: str, contents: Sequence[bytes]) -> None:
    sizes = [len(data) for data in contents]
    if len(token) > protocol.ENVELOPE_BYTES_MAX or sum(sizes) > protocol.MESSAGE_BYTES_MAX:
        raise _too_large()
    if any(size > protocol.CONTENT_BYTES_MAX for size in sizes):
        raise _too_large()


def _ascii(raw: bytes) -> str:
    if len(raw) > max(protocol.ENVELOPE_BYTES_MAX + 1, SECRETS_BYTES_MAX):
        raise _too_large()
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        raise _fault("not ASCII") from None


def _secret_lines(raw: bytes) -> list[str]:
    if len(raw) > SECRETS_BYTES_MAX:
        raise _too_large()
    text = _ascii(raw)
    if text and not text.endswith("\n"):
        raise _fault("the last line of .secrets has no line feed")
    return text.split("\n")[:-1]


def _read_secrets(lines: Sequence[str]) -> dict[str, bytes]:
    if len(lines) > protocol.CONTENTS_MAX:
        raise _too_large()
    secrets: dict[str, bytes] = {}
    for line in lines:
        name, _equals, text = line.partition("=")
        try:
            secret = unb64url(text)
        except ValueError:
            raise _fault("a secret is not canonical base64url") from None
        if len(secret) != protocol.SECRET_BYTES or CONTENT_NAME.fullmatch(name) is None or name in RESERVED:
            raise _fault("a secret is not `name=` and 32 bytes in base64url")
        if name in secrets:
            raise _fault("two secrets for one content")
        secrets[name] = secret
    return secrets


def _join(raw: Mapping[str, tuple[bytes, str | None]], secrets: Mapping[str, bytes]) -> dict[str, RawContent]:
    """Each content has exactly one secret, and no secret lacks its content."""
    if without := raw.keys() - secrets.keys():
        problems = tuple(
            Problem(f"content {name}", "trust.missing_secret", "缺少密值", "its secret is missing") for name in sorted(without)
        )
        raise TrustError("trust.missing_secret", "有内容缺少密值", "contents came without their secrets", problems=problems)
    if lost := secrets.keys() - raw.keys():
        raise TrustError("trust.missing_content", "缺少内容", "contents are missing", problems=missing(lost))
    return {name: RawContent(name, data, media_type, secrets[name]) for name, (data, media_type) in raw.items()}
