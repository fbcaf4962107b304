"""The reading API as a member uses it: its own token (RFC 7523), its own cases.

A problem that the gateway answers with becomes the error it names, in the same branch, so that whoever
asks from afar hears what he would have heard on the spot.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from joserfc import jwk, jwt

from gateway.crypto.keys import SigningKey
from gateway.errors import (
    CatalogueError,
    ConsentError,
    EraseError,
    FormatError,
    GatewayError,
    MappingError,
    PeerError,
    Problem,
    RecognitionError,
    RecordError,
    StandardError,
    StorageError,
    TransferError,
    TransferLogError,
    TrustError,
)
from gateway.federation.channels.reading import ReadAnswer, ReadingChannel
from gateway.model.ports import Clock, IdSource

ASSERTION_LIFETIME = timedelta(minutes=2)
TOKEN_SPARE = timedelta(seconds=30)
RULES_MAX = 200
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BRANCHES: dict[str, type[GatewayError]] = {
    kind.branch: kind
    for kind in (
        FormatError,
        RecordError,
        MappingError,
        RecognitionError,
        CatalogueError,
        StandardError,
        TrustError,
        ConsentError,
        TransferError,
        TransferLogError,
        EraseError,
        StorageError,
    )
}


@dataclass(slots=True)
class ReadingApi:
    """One member's view of one gateway.  `url` has no path."""

    channel: ReadingChannel
    url: str
    member: str
    key: SigningKey
    clock: Clock
    ids: IdSource
    _token: str = ""
    _until: datetime | None = field(default=None)

    async def transfers(self, *, state: str = "", cursor: str = "", most: int = 50) -> dict[str, Any]:
        """`{"transfers": […], "next": …}`, newest first.  Raises PeerError and whatever the gateway names."""
        query = {"state": state, "cursor": cursor, "limit": str(most)}
        return await self._get("/v1/transfers?" + urlencode({name: value for name, value in query.items() if value}))

    async def transfer(self, id: str) -> dict[str, Any]:
        """One case whole.  Raises TransferError(`transfer.unknown`)."""
        return await self._get(f"/v1/transfers/{id}")

    async def evidence(
        self, id: str, form: str, items: Sequence[int] = (), fields: Sequence[str] = (), *, identity: bool = False
    ) -> dict[str, Any]:
        """One case's evidence bundle; that it was taken stands in the case's leaves.  Raises TransferError(`transfer.unknown`)."""
        query = [("form", form), *(("item", str(each)) for each in items), *(("field", each) for each in fields)]
        return await self._get(f"/v1/transfers/{id}/evidence?" + urlencode([*query, *([("identity", "1")] if identity else [])]))

    async def stuck(self) -> dict[str, Any]:
        """`{"stuck": […], "more": …}`: held transfers and dead letters that this member may see."""
        return await self._get("/v1/dlq")

    async def selection(self, token: str) -> dict[str, Any]:
        """A released selection whose orders this member is to sign.  Raises TransferError(`transfer.selection_unknown` …)."""
        return await self._get(f"/v1/selections/{quote(token, safe='')}")

    async def selections(self) -> list[str]:
        """Tokens of the selections whose orders this member is to sign, the newest first; paused ones among them."""
        found = (await self._get("/v1/selections")).get("selections")
        if not isinstance(found, list):
            raise _off_protocol()
        return [str(each.get("selection")) for each in found if isinstance(each, dict)]

    async def contested(self) -> dict[str, Any]:
        """`{"outcomes": […], "more": …}`: contested outcomes on which this member is to rule."""
        return await self._get("/v1/outcomes")

    async def agreements(self) -> dict[str, Any]:
        """`{"agreements": […]}`: those this member is a party of."""
        return await self._get("/v1/agreements")

    async def presiding(self) -> dict[str, Any]:
        """`{"rota": […], "duties": {…}, "handovers": […], "head": {…}}`: the same for every member."""
        return await self._get("/v1/presiding")

    async def rules(self, *, cursor: str = "") -> dict[str, Any]:
        """`{"rules": […], "next": …}`: every version of every rule set, newest first."""
        query = {"limit": str(RULES_MAX), "cursor": cursor}
        return await self._get("/v1/rules?" + urlencode({name: value for name, value in query.items() if value}))

    async def rule_file(self, id: str, version: str, accepting: str) -> bytes:
        """A rule file as it was proposed.  Raises RecognitionError(`recognition.unknown_version`)."""
        path = f"/v1/rules/{quote(id, safe='')}/{quote(version, safe='')}?" + urlencode({"accepting": accepting})
        answer = await self.channel.get(self.url + path, await self._bearer())
        if answer.status != 200:
            raise problem_error(_object(answer))
        return answer.body

    async def consents(self, *, cursor: str = "") -> dict[str, Any]:
        """`{"consents": […], "next": …}`: those this member holds as facing bank."""
        return await self._get("/v1/consents" + (f"?{urlencode({'cursor': cursor})}" if cursor else ""))

    async def log_file(self, path: str) -> bytes:
        """A file of the transfer log, `checkpoint` or `tile/…`; entry bundles are for members, so this asks as one.

        Raises PeerError and whatever the gateway names.
        """
        answer = await self.channel.get(f"{self.url}/log/{path}", await self._bearer())
        if answer.status != 200:
            raise problem_error(_object(answer))
        return answer.body

    async def integrity(self, *, transfer: str = "", consent: str = "", cursor: str = "") -> dict[str, Any]:
        """`{"flags": […], "outcomes": {record: key}, "leaves": […]}`: in a case, under a consent, or one's own; each read is a leaf.

        Raises TransferError(`transfer.unknown`), ConsentError.
        """
        query = {"transfer": transfer, "consent": consent, "cursor": cursor}
        return await self._get("/v1/integrity?" + urlencode({name: value for name, value in query.items() if value}))

    async def _get(self, path: str) -> dict[str, Any]:
        answer = await self.channel.get(self.url + path, await self._bearer())
        found = _object(answer)
        if answer.status != 200:
            raise problem_error(found)
        return found

    async def _bearer(self) -> str:
        now = self.clock.now()
        if self._until is None or now >= self._until:
            url = f"{self.url}/v1/token"
            form = {
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": self._assertion(url, now),
            }
            answer = await self.channel.post_form(url, form)
            found = _object(answer)
            if answer.status != 200:
                raise _not_let_in(found)
            token, seconds = found.get("access_token"), found.get("expires_in")
            if not isinstance(token, str) or not isinstance(seconds, int):
                raise _off_protocol()
            self._token, self._until = token, now + timedelta(seconds=seconds) - TOKEN_SPARE
        return self._token

    def _assertion(self, audience: str, now: datetime) -> str:
        issued = int(now.timestamp())
        claims = {
            "iss": self.member,
            "sub": self.member,
            "aud": audience,
            "iat": issued,
            "exp": issued + int(ASSERTION_LIFETIME.total_seconds()),
            "jti": self.ids.jti(),
        }
        edwards = self.key.alg == "EdDSA"
        algorithm = "Ed25519" if edwards else "ES256"
        handle = jwk.import_key(self.key.to_pem(), "OKP" if edwards else "EC")
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, claims, handle, algorithms=[algorithm])


def problem_error(document: dict[str, Any]) -> GatewayError:
    """The error that a problem document names; PeerError(`peer.off_protocol`) for one of no known branch."""
    code = document.get("code")
    kind = _BRANCHES.get(str(code).partition(".")[0])
    if not isinstance(code, str) or kind is None or len(code) > 64:
        return _off_protocol()
    listed = document.get("errors", document.get("problems"))
    problems = tuple(_problem(each) for each in listed if isinstance(each, dict)) if isinstance(listed, list) else ()
    return kind(code, str(document.get("zh", "")), str(document.get("en", "")), problems=problems)


def _problem(each: dict[str, Any]) -> Problem:
    return Problem(*(str(each.get(name, "")) for name in ("path", "code", "zh", "en")))


def _object(answer: ReadAnswer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _off_protocol()
    return found


def _not_let_in(found: dict[str, Any]) -> GatewayError:
    """A token refusal speaks OAuth (RFC 6749, section 5.2) unless it is a problem."""
    if "error" not in found:
        return problem_error(found)
    return TrustError(
        "trust.no_token_given", "网关不发访问令牌", "the gateway gives no token to this member and key", reason=str(found["error"])[:64]
    )


def _off_protocol() -> PeerError:
    return PeerError("peer.off_protocol", "对方的答复不合协议", "the other side's answer is not as the protocol has it")
