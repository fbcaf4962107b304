"""A message somebody laid out as files, sent once by hand and its answer verified: `NAME.request`, `NAME.identity`, …

The first try gives it an id and its secrets and keeps them beside it (`NAME.secrets`, then `NAME.jws`), so
that a second try, after a crash or for good measure, is the same message and gets the same answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.client.outgoing import sd_of
from gateway.client.reading import problem_error
from gateway.client.receipts import Judge, Sent, VerifiedAnswer
from gateway.crypto.keys import SigningKey, write_secret_file
from gateway.errors import FormatError, PeerError
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.envelope import open_envelope, reseal, seal
from gateway.federation.framing import FILE_NAME, RESERVED, SUFFIX_ENVELOPE, SUFFIX_RECEIPT, SUFFIX_SECRETS, from_files, to_files
from gateway.federation.message import Content, HttpTarget, MemberKey
from gateway.federation.protocol import CONTENT_BYTES_MAX, CONTENT_NAMES, GATEWAY_ID, LIFETIME_HTTP_MAX, MEDIA_JSON, MEDIA_XML
from gateway.formats.json_safe import read_json
from gateway.model.ports import Clock, IdSource
from gateway.model.transfer import Act

MESSAGES_PATH: Final = "/v1/messages"
CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class PreparedMessage:
    """The files of one NAME.  `token` is None before the first try."""

    folder: Path
    name: str
    act: str
    contents: tuple[Content, ...]
    token: str | None

    @property
    def receipt_file(self) -> Path:
        return self.folder / f"{self.name}.{SUFFIX_RECEIPT}"


@dataclass(frozen=True, slots=True)
class Submitted:
    """A verified answer, and whether the gateway had given it before."""

    jti: str
    answer: VerifiedAnswer
    repeated: bool


def find_name(path: Path) -> tuple[Path, str]:
    """`folder/NAME`, or a folder that holds one message only.  Raises FormatError(`format.prepared`)."""
    if not path.is_dir():
        return path.parent, path.name
    names = sorted({file.name.partition(".")[0] for file in path.glob("*.request")})
    if len(names) != 1:
        raise _fault(f"the folder holds {len(names)} messages with a .request file; name one of them")
    return path, names[0]


def read_prepared(path: Path, ids: IdSource) -> PreparedMessage:
    """Read every file of the message; contents get fresh secrets unless they were tried before.  Raises FormatError, TrustError."""
    folder, name = find_name(path)
    if FILE_NAME.fullmatch(name) is None:
        raise _fault("a message's name is 1 to 64 letters, digits, - or _")
    files = _files(folder, name)
    act = Act.REQUEST.value
    must, may = CONTENT_NAMES[act]
    found = {suffix: data for suffix, data in files.items() if suffix not in RESERVED}
    if not set(must) <= found.keys() or not found.keys() <= {*must, *may}:
        raise _fault(f"a request has {', '.join(must)} and may have {', '.join(may)}")
    if SUFFIX_ENVELOPE not in files:
        ordered = [each for each in (*must, *may) if each in found]
        contents = tuple(Content(each, found[each], media_type(each, found[each]), ids.secret()) for each in ordered)
        return PreparedMessage(folder, name, act, contents, None)
    kept = from_files(name, {f"{name}.{suffix}": data for suffix, data in files.items() if suffix != SUFFIX_RECEIPT})
    contents = tuple(Content(raw.name, raw.data, media_type(raw.name, raw.data), raw.secret) for raw in kept.contents.values())
    return PreparedMessage(folder, name, act, contents, kept.token)


async def submit(
    prepared: PreparedMessage, *, url: str, member: str, key: SigningKey, judge: Judge, channel: HttpsChannel, clock: Clock, ids: IdSource
) -> Submitted:
    """Sign, keep, send, verify.  `url` has no path.

    Raises PeerUnavailableError (nothing is known; try again), what the gateway's problem names, and PeerError, TrustError or
    TransferLogError for an answer that does not prove itself.
    """
    now, target = clock.now(), HttpTarget("POST", url + MESSAGES_PATH)
    until = now + LIFETIME_HTTP_MAX
    if prepared.token is None:
        claims: dict[str, Any] = {}
        if any(each.name == "part" for each in prepared.contents):
            claims["same_person"] = next(sd_of(each) for each in prepared.contents if each.name == "identity")
        token = seal(
            key=key, iss=member, aud=GATEWAY_ID, jti=ids.jti(), iat=now, exp=until, act=prepared.act, contents=prepared.contents,
            http=target, **claims,
        )  # fmt: skip
        _keep(prepared, token)
    else:
        token = reseal(prepared.token, key=key, iss=member, iat=now, exp=until, http=target)
    own = open_envelope(token, keys=lambda _iss, _kid: MemberKey(member, key.verify_key))
    order = [str(entry["name"]) for entry in own.claims["con"]]
    contents = sorted(prepared.contents, key=lambda each: order.index(each.name))
    sent = Sent(member, own.jti, prepared.act, tuple((each.name, sd_of(each), len(each.data)) for each in contents))
    return await post_proven(sent, target.url, token, contents, judge, channel, clock)


async def post_proven(
    sent: Sent, url: str, token: str, contents: Sequence[Content], judge: Judge, channel: HttpsChannel, clock: Clock
) -> Submitted:
    """Post a sealed message and believe nothing of the answer that it does not prove.  Raises as `submit`."""
    got = await channel.post(url, token, list(contents))
    try:
        answer = judge.answer(sent, got.status, got.body, clock.now())
    except PeerError:
        if got.status >= 300:
            raise _unproven(got.body) from None
        raise
    return Submitted(sent.jti, answer, got.repeated)


def media_type(name: str, data: bytes) -> str:
    """Of a content by its name; of a part by its first bytes."""
    if name == "manifest":
        return MEDIA_JSON
    if name != "part":
        return MEDIA_XML
    start = data.lstrip()[:2]
    return {b"<": MEDIA_XML, b"{": MEDIA_JSON, b"[": MEDIA_JSON}.get(start[:1]) or (XLSX if start == b"PK" else CSV)


def _files(folder: Path, name: str) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for file in sorted(folder.glob(f"{name}.*")):
        with file.open("rb") as opened:
            data = opened.read(CONTENT_BYTES_MAX + 1)
        if len(data) > CONTENT_BYTES_MAX:
            raise FormatError("format.too_large", "文件超过上限", "a file of the message is over its limit", file=file.name)
        found[file.name.removeprefix(f"{name}.")] = data
    return found


def _keep(prepared: PreparedMessage, token: str) -> None:
    """Secrets first, envelope last; a try that was cut off between the two starts anew."""
    wanted: Iterable[tuple[str, bytes]] = to_files(prepared.name, token, prepared.contents)[-2:]
    for file_name, data in wanted:
        file = prepared.folder / file_name
        if file_name.endswith(SUFFIX_SECRETS):
            file.unlink(missing_ok=True)
        write_secret_file(file, data)


def _unproven(body: bytes) -> Exception:
    found = read_json(body)
    inner = found.get("problem", found) if isinstance(found, dict) else {}
    return problem_error(inner if isinstance(inner, dict) else {})


def _fault(en: str) -> FormatError:
    return FormatError("format.prepared", "消息文件不齐或命名不符", f"the files are not a prepared message: {en}")
