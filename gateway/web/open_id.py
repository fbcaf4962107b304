"""Signing people in by OpenID Connect: authorization code with PKCE (RFC 7636), ID token verified, claims made into a `Person`.

Nothing of a sign-in under way is stored: `state`, `nonce` and the code verifier follow from one random value that only the
browser's short-lived cookie holds.  The provider's documents are fetched when first needed, bounded, without redirects,
and kept for an hour; an unknown key id fetches its keys anew.  Times are by the gateway's clock, durations by the loop.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import parse_authorization_code_response, prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from gateway.crypto.keys import SigningKey
from gateway.errors import PeerError, PeerUnavailableError
from gateway.model.canonical import b64url
from gateway.model.people import ALONE, OF_A_MEMBER, Person, Role, learner_subject
from gateway.model.ports import Clock, IdSource

ALGORITHMS: Final = ("EdDSA", "Ed25519", "ES256", "PS256", "RS256")
SCOPE: Final = "openid profile"
ANSWER_BYTES_MAX: Final = 256 * 1024
CLAIM_CHARS_MAX: Final = 256
TIMEOUT_S: Final = 10.0
KEPT_S: Final = 3600.0
LEEWAY_S: Final = 60
ASSERTION_S: Final = 120
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Client:
    """How this gateway is known to the provider: by a secret, by a key (`private_key_jwt`), or by PKCE alone."""

    issuer: str
    client_id: str
    secret: str = ""
    key: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Which claims say who somebody is; `roles` maps the provider's words to ours, empty: they are ours."""

    name: str
    member: str
    role: str
    roles: Mapping[str, str]
    citizen: str = ""
    """The verified citizen number of a learner; "" where the provider may not vouch for learners."""


@dataclass(slots=True)
class OpenId:
    """The relying party.  `members` are the ids a person may belong to.

    `learner_of` makes a citizen number into the learner's pseudonym (ValueError for what is no such number); None where learners
    do not sign in.  The number itself goes no further than that call.
    """

    client: Client
    claims: ClaimNames
    members: Callable[[], frozenset[str]]
    clock: Clock
    ids: IdSource
    session: aiohttp.ClientSession | None = None
    learner_of: Callable[[str], str] | None = None
    _metadata: dict[str, Any] = field(default_factory=dict)
    _keys: jwk.KeySet | None = None
    _fetched_s: float = float("-inf")

    async def authorize_url(self, start: str, callback: str, hint: str) -> str:
        """Where to send the browser.  Raises PeerUnavailableError, PeerError."""
        found = await self._provider()
        url: str = prepare_grant_uri(
            found["authorization_endpoint"], self.client.client_id, "code", redirect_uri=callback, scope=SCOPE,
            state=_derived("state", start), nonce=_derived("nonce", start), login_hint=hint or None,
            code_challenge=create_s256_code_challenge(_derived("verifier", start)), code_challenge_method="S256",
        )  # fmt: skip
        return url

    async def vouched(self, start: str, callback: str, answered: str) -> dict[str, Any] | None:
        """The verified claims behind the provider's answer (the URL it sent the browser to); None when anything about it is wrong.

        Raises PeerUnavailableError, PeerError.
        """
        found = await self._provider()
        try:
            answer = parse_authorization_code_response(answered, _derived("state", start))
            if answer.get("iss", self.client.issuer) != self.client.issuer:  # RFC 9207: another provider's answer
                return None
            body = prepare_token_request("authorization_code", "", callback, code=answer["code"], code_verifier=_derived("verifier", start))
            tokens = await self._tokens(str(found["token_endpoint"]), body)
            return await self._verified(tokens, _derived("nonce", start)) if tokens is not None else None
        except (AuthlibBaseError, JoseError, KeyError, TypeError, ValueError):
            return None

    def person(self, claims: Mapping[str, Any]) -> Person | None:
        """Who that is here; None for somebody without a role, or with one that needs a member and none we know."""
        said = claims.get(self.claims.role, ())
        words = (
            said.split() if isinstance(said, str) else [word for word in said if isinstance(word, str)] if isinstance(said, list) else []
        )
        known = {role.value: role for role in Role}
        roles = frozenset(
            known[name] for word in words if (name := self.claims.roles.get(word, "") if self.claims.roles else word) in known
        )
        if Role.LEARNER in roles:
            learner = self._learner(claims) if roles == ALONE else ""
            return Person.of_learner(learner) if learner else None
        member = claims.get(self.claims.member) or ""
        name = claims.get(self.claims.name) or claims["sub"]
        if not roles or not isinstance(member, str) or not isinstance(name, str) or (member and member not in self.members()):
            return None
        if roles & OF_A_MEMBER and not member:
            return None
        return Person(claims["sub"], name[:CLAIM_CHARS_MAX], roles, member)

    def whose(self, claims: Mapping[str, Any]) -> str:
        """Under which name failed sign-ins of this person are counted.  A learner's `sub` may be his number: it is not used."""
        if self.claims.citizen and self.claims.citizen in claims:
            learner = self._learner(claims)
            return f"person:{learner_subject(learner) if learner else 'learner'}"
        return f"person:{claims['sub']}"

    def _learner(self, claims: Mapping[str, Any]) -> str:
        """The pseudonym; "" where the provider may not vouch for learners, or has not said a citizen number."""
        number = claims.get(self.claims.citizen) if self.claims.citizen else None
        if self.learner_of is None or not isinstance(number, str):
            return ""
        try:
            return self.learner_of(number)
        except ValueError:
            return ""

    async def _verified(self, tokens: Mapping[str, Any], nonce: str) -> dict[str, Any] | None:
        token = tokens["id_token"]
        try:
            read = jwt.decode(token, await self._key_set(), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):  # perhaps the provider has a new key
            read = jwt.decode(token, await self._key_set(anew=True), algorithms=list(ALGORITHMS))
        claims = CodeIDToken(
            read.claims, read.header,
            options={"iss": {"essential": True, "value": self.client.issuer}, "aud": {"essential": True, "value": self.client.client_id}},
            params={"nonce": nonce, "client_id": self.client.client_id, "access_token": tokens.get("access_token", "")},
        )  # fmt: skip
        claims.validate(int(self.clock.now().timestamp()), LEEWAY_S)
        subject = claims["sub"]
        return dict(claims) if isinstance(subject, str) and 0 < len(subject) <= CLAIM_CHARS_MAX else None

    async def _tokens(self, url: str, body: str) -> dict[str, Any] | None:
        """The token answer; None where the provider refuses the code."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self.client.key is not None:
            body = prepare_token_request_with(
                body, client_assertion_type=_ASSERTION_TYPE, client_assertion=self._assertion(url, self.client.key)
            )
        else:
            how = ClientAuth(self.client.client_id, self.client.secret, "client_secret_basic" if self.client.secret else "none")
            url, headers, body = how.prepare("POST", url, headers, body)
        status, document = await self._ask("POST", url, headers, body)
        return document if status == 200 else None

    def _assertion(self, audience: str, key: SigningKey) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.client.client_id,
            "sub": self.client.client_id,
            "aud": audience,
            "jti": self.ids.jti(),
            "iat": now,
            "exp": now + ASSERTION_S,
        }
        algorithm = "Ed25519" if key.alg == "EdDSA" else "ES256"
        held = jwk.import_key(key.to_pem(), "OKP" if key.alg == "EdDSA" else "EC")
        return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, held, algorithms=[algorithm])

    async def _provider(self) -> dict[str, Any]:
        """Its discovery document (OpenID Connect Discovery 1.0 section 3), checked to be its own."""
        now = asyncio.get_running_loop().time()
        if not self._metadata or now - self._fetched_s > KEPT_S:
            status, found = await self._ask("GET", self.client.issuer.rstrip("/") + "/.well-known/openid-configuration", {}, None)
            urls = [found.get(name, "") for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
            if status != 200 or found.get("issuer") != self.client.issuer or not all(map(safe_url, urls)):
                raise PeerError("peer.off_protocol", "身份提供方的说明文件不正确", "the identity provider's document is not as it must be")
            self._metadata, self._keys, self._fetched_s = found, None, now
        return self._metadata

    async def _key_set(self, *, anew: bool = False) -> jwk.KeySet:
        if self._keys is None or anew:
            _, found = await self._ask("GET", str(self._metadata["jwks_uri"]), {}, None)
            document: Any = found
            self._keys = jwk.KeySet.import_key_set(document)
        return self._keys

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[int, dict[str, Any]]:
        """A bounded request for one JSON object.  Raises PeerUnavailableError, PeerError."""
        assert self.session is not None, "the listener is open"
        try:
            async with self.session.request(
                method, url, headers=headers, data=body, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), allow_redirects=False
            ) as response:
                raw = bytearray()
                while len(raw) <= ANSWER_BYTES_MAX and (chunk := await response.content.read(64 * 1024)):
                    raw += chunk
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PeerUnavailableError(
                "peer.unavailable", "身份提供方暂时无法连接", "the identity provider cannot be reached now", reason=type(error).__name__
            ) from error
        try:
            document = json.loads(bytes(raw)) if len(raw) <= ANSWER_BYTES_MAX else None
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise PeerError("peer.off_protocol", "身份提供方的答复不正确", "the identity provider's answer is not as it must be")
        return response.status, document


def prepare_token_request_with(body: str, **more: str) -> str:
    """A form with more fields."""
    added: str = prepare_token_request("", "", None, **more).partition("&")[2]
    return f"{body}&{added}"


def safe_url(url: object) -> bool:
    """HTTPS, or plain HTTP on this very machine."""
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})
    )


def _derived(label: str, start: str) -> str:
    """Three unguessable values from one; none tells another."""
    return b64url(sha256(f"ceg-sign-in {label}\0{start}".encode()).digest())
