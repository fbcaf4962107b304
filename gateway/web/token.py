"""The token endpoint for member systems: OAuth 2 client credentials with `private_key_jwt` (RFC 7523), by Authlib.

The client is a member; its keys are those of the trust file, its assertion is signed with one that
is valid now.  Tokens are short-lived JWTs of the gateway's own key; nothing about them is stored.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidClientError, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from gateway.crypto.keys import SigningKey
from gateway.errors import FormatError, TrustError
from gateway.model.ports import Clock, IdSource
from gateway.transfers.registry import Registry
from gateway.web.keys import PARTS

LIFETIME = timedelta(minutes=10)
ASSERTION_LIFETIME_MAX_S = 300
ASSERTION_CHARS_MAX = 8192
FIELDS_MAX = 16
FORM_S = 10.0
ASSERTION_ALGORITHMS = ("EdDSA", "Ed25519", "ES256")
SCOPE = "transfers:read"
METHOD = "private_key_jwt"
_SECURE_URI = "https://gateway/v1/token"
"""What Authlib is told of the request's address: whether the transport is secure is decided by the listener's settings."""


@dataclass(frozen=True, slots=True)
class MemberClient:
    """A member as an OAuth client."""

    member: str
    keys: jwk.KeySet

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == (METHOD, "token")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def get_client_id(self) -> str:
        return self.member

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or SCOPE


class _Request(OAuth2Request):  # type: ignore[misc]
    """Authlib asks for the form where its framework integrations keep it."""

    @property
    def form(self) -> dict[str, str]:
        found: dict[str, str] = self.payload.data
        return found


class _Grant(ClientCredentialsGrant):  # type: ignore[misc]  # Authlib ships no types
    TOKEN_ENDPOINT_AUTH_METHODS = (METHOD,)


class _Assertion(JWTBearerClientAssertion):  # type: ignore[misc]
    CLIENT_AUTH_METHOD = METHOD

    def __init__(self, audience: str, now: int) -> None:
        super().__init__(leeway=60)
        self._now = now
        self._audience = audience
        self.used: tuple[str, str] = ("", "")

    def get_audiences(self) -> list[str]:
        return [self._audience]

    def resolve_client_public_key(self, client: MemberClient) -> jwk.KeySet:
        return client.keys

    def process_assertion_claims(self, assertion: str, resolve_key: jwk.KeySet) -> dict[str, Any]:
        """As Authlib's own, but with the registry's algorithms; a key's type pins the one it can be used with."""
        try:
            token = jwt.decode(assertion, resolve_key, algorithms=list(ASSERTION_ALGORITHMS))
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The assertion's signature does not hold.") from error
        claims: dict[str, Any] = token.claims
        self.verify_claims(claims)
        return claims

    def verify_claims(self, claims: dict[str, Any]) -> None:
        """RFC 7523 section 3, by the gateway's clock (Authlib would take the machine's)."""
        checks = jwt.JWTClaimsRegistry(
            now=self._now,
            leeway=self.leeway,
            iss={"essential": True},
            sub={"essential": True},
            aud={"essential": True, "values": self.get_audiences()},
            exp={"essential": True},
        )
        try:
            checks.validate(claims)
        except JoseError as error:
            raise InvalidClientError(description=error.description) from error
        if claims["sub"] != claims["iss"] or not self.validate_jti(claims, claims.get("jti")):
            raise InvalidClientError(description="Issuer, subject or JWT ID is not acceptable.")

    def validate_jti(self, claims: dict[str, Any], jti: Any) -> bool:
        """Form and lifetime; single use is enforced by the database afterwards."""
        times = [claims.get("iat"), claims.get("exp")]
        if not all(isinstance(value, int) for value in times) or claims["exp"] - claims["iat"] > ASSERTION_LIFETIME_MAX_S:
            raise InvalidClientError(description="The assertion lives longer than five minutes.")
        self.used = (claims["sub"], jti) if isinstance(jti, str) and 8 <= len(jti) <= 256 else ("", "")
        return bool(self.used[0])


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, access: "Access", audience: str) -> None:
        super().__init__(scopes_supported=[SCOPE])
        self._access = access
        self.assertion = _Assertion(audience, int(access.clock.now().timestamp()))
        self.register_grant(_Grant)
        self.register_client_auth_method(METHOD, self.assertion)
        self.register_token_generator("default", self._issue)

    def query_client(self, client_id: str) -> MemberClient | None:
        return self._access.client(client_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Nothing to keep."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """No listeners."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> tuple[int, Any, Any]:
        return status, body, headers

    def _issue(self, client: MemberClient, scope: str | None = None, **_: Any) -> dict[str, Any]:
        return self._access.issue(client.member, scope or SCOPE)


@dataclass(slots=True)
class Access:
    """Issues tokens to members and recognises them again.  `use_assertion(member, jti)` says, durably, whether it is the first time."""

    registry: Registry
    use_assertion: Callable[[str, str], Awaitable[bool]]
    key: SigningKey
    issuer: str
    clock: Clock
    ids: IdSource
    _jwk: jwk.Key = field(init=False)

    def __post_init__(self) -> None:
        self._jwk = jwk.import_key(self.key.to_pem(), "OKP" if self.key.alg == "EdDSA" else "EC")

    @property
    def algorithm(self) -> str:
        """The one algorithm tokens are signed with; a token's own word decides nothing."""
        return "Ed25519" if self.key.alg == "EdDSA" else "ES256"

    def client(self, member: str) -> MemberClient | None:
        """A member that is active, with its keys that are valid now."""
        now = self.clock.now()
        found = self.registry.trust.member(member)
        if found is None or member not in self.registry.active():
            return None
        keys = [jwk.import_key({**record.key.jwk, "kid": record.kid}) for record in found.keys if record.valid(now)]
        return MemberClient(member, jwk.KeySet(keys)) if keys else None

    def issue(self, member: str, scope: str) -> dict[str, Any]:
        """The token answer (RFC 6749 section 5.1)."""
        now = int(self.clock.now().timestamp())
        seconds = int(LIFETIME.total_seconds())
        claims = {
            "iss": self.issuer,
            "aud": self.issuer,
            "sub": member,
            "scope": scope,
            "iat": now,
            "exp": now + seconds,
            "jti": self.ids.jti(),
        }
        token = jwt.encode({"alg": self.algorithm, "typ": "at+jwt"}, claims, self._jwk, algorithms=[self.algorithm])
        return {"token_type": "Bearer", "access_token": token, "expires_in": seconds, "scope": scope}

    def member_of(self, token: str) -> str:
        """The member a token was issued to, if it still counts.  Raises TrustError("trust.bad_token")."""
        try:
            found = jwt.decode(token, self._jwk, algorithms=[self.algorithm])
        except (JoseError, ValueError) as error:
            raise _bad_token() from error
        claims = found.claims
        member = claims.get("sub")
        if found.header.get("typ") != "at+jwt" or claims.get("aud") != self.issuer or not isinstance(member, str):
            raise _bad_token()
        if int(claims.get("exp", 0)) <= self.clock.now().timestamp() or member not in self.registry.active():
            raise _bad_token()
        return member

    async def token_response(self, form: dict[str, str], audience: str) -> tuple[int, Any, Any]:
        """Answer a token request."""
        server = _Server(self, audience)
        request = _Request("POST", _SECURE_URI)
        request.payload = BasicOAuth2Payload(form)
        status, body, headers = server.create_token_response(request)
        if status == 200 and not await self.use_assertion(*server.assertion.used):
            return 400, {"error": "invalid_client", "error_description": "JWT ID is used before."}, headers
        return status, body, headers


ACCESS = web.AppKey("access", Access)


async def post_token(request: web.Request) -> web.Response:
    """`POST /v1/token`."""
    try:
        async with asyncio.timeout(FORM_S):
            form = await _form(request)
    except TimeoutError as error:
        raise web.HTTPRequestTimeout from error
    status, body, headers = await request.app[ACCESS].token_response(form, request.app[PARTS].base_url + "/v1/token")
    text = body if isinstance(body, str) else json.dumps(body)
    kept = {name: value for name, value in dict(headers).items() if name.lower() != "content-type"}
    return web.Response(status=status, text=text, headers=kept, content_type="application/json")


async def _form(request: web.Request) -> dict[str, str]:
    """A short form of ASCII text.  Raises FormatError("format.bad_form")."""
    try:
        if request.content_type != "application/x-www-form-urlencoded" or (request.content_length or 0) > ASSERTION_CHARS_MAX:
            raise ValueError("not a form, or a long one")
        raw = await request.content.read(ASSERTION_CHARS_MAX + 1)
        while len(raw) <= ASSERTION_CHARS_MAX and (more := await request.content.read(ASSERTION_CHARS_MAX + 1 - len(raw))):
            raw += more
        if len(raw) > ASSERTION_CHARS_MAX:
            raise ValueError("a long form")
        return dict(parse_qsl(raw.decode("ascii"), strict_parsing=True, max_num_fields=FIELDS_MAX))
    except ValueError as error:
        raise FormatError("format.bad_form", "须为表单格式", "a token request is a short URL-encoded form") from error


def member_of(request: web.Request) -> str:
    """The member asking on a reading route.  Raises TrustError("trust.no_token"), TrustError("trust.bad_token")."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not token or len(token) > ASSERTION_CHARS_MAX:
        raise TrustError("trust.no_token", "缺少访问令牌", "an access token is needed here")
    return request.app[ACCESS].member_of(token)


def _bad_token() -> TrustError:
    return TrustError("trust.bad_token", "访问令牌无效或已过期", "the access token is not valid or has run out")
