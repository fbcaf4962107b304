"""The sandbox's own identity provider: OpenID Connect on loopback, people to choose from, no passwords.  Never for service.

It keeps the protocol's rules all the same (PKCE, codes used once and for a minute, one client with its secret, its redirect
address known), so that the gateway's side is tried against a provider that refuses what it should.
"""

import asyncio
import base64
import hmac
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import unquote_plus, urlencode

from aiohttp import web
from joserfc import jwk, jwt

from gateway.crypto.keys import EDDSA, SigningKey, write_secret_file
from gateway.model.canonical import b64url
from gateway.model.ports import Clock, IdSource
from gateway.settings import People as PeopleSettings
from gateway.settings import Settings
from gateway.simulator.identity_people import DOORS, PEOPLE, SamplePerson, operator_of

CLIENT_ID: Final = "credit-exchange-gateway"
CITIZEN_CLAIM: Final = "citizen_number"
CODE_LIFE: Final = timedelta(minutes=1)
TOKEN_LIFE: Final = timedelta(minutes=5)
CODES_MAX: Final = 200
ALGORITHM: Final = "Ed25519"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Grant:
    """What a code stands for."""

    person: SamplePerson
    redirect: str
    challenge: str
    nonce: str
    until: datetime


@dataclass(slots=True)
class IdentityHost:
    """A running provider.  `redirects` are the addresses it sends browsers back to; the gateway's is added once it listens."""

    issuer: str
    secret_file: Path
    clock: Clock
    ids: IdSource
    secret: str
    key: SigningKey = field(default_factory=lambda: SigningKey.generate(EDDSA))
    redirects: set[str] = field(default_factory=set)
    people: tuple[SamplePerson, ...] = PEOPLE
    _codes: OrderedDict[str, _Grant] = field(default_factory=OrderedDict)

    @property
    def settings(self) -> dict[str, object]:
        """`[people]` of a gateway or a bank's console towards this provider."""
        return {"issuer": self.issuer, "client_id": CLIENT_ID, "client_secret_file": self.secret_file}

    def doors(self, people_url: str, consoles: Mapping[str, str]) -> dict[str, str]:
        """For each role an address that signs in with one click; a bank's operator's is the bank's own console.

        `consoles` by member; one of them is also the address `operator`, and what the same person sees of the gateway is
        `operator_view`; `sandbox` is the page of switches.
        """
        found = {name: f"{people_url}/sign-in/start?{urlencode({'hint': subject})}" for name, subject in DOORS.items()}
        own = {f"operator {member}": f"{url}/sign-in/start?{urlencode({'hint': operator_of(member)})}" for member, url in consoles.items()}
        mine = next(url for url in own.values() if url.endswith(f"hint={DOORS['operator']}"))
        return {**found, "operator_view": found["operator"], **own, "operator": mine, "sandbox": found["centre"] + "&to=/sandbox"}

    async def discovery(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": self.issuer + "/authorize",
                "token_endpoint": self.issuer + "/token",
                "jwks_uri": self.issuer + "/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def jwks(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [{**self.key.verify_key.jwk, "kid": self.key.kid, "use": "sig", "alg": ALGORITHM}]})

    async def authorize(self, request: web.Request) -> web.Response:
        """The people to choose from; whoever `login_hint` or a click names is sent back with a code at once."""
        query = request.query
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri", "") not in self.redirects:
            return web.Response(status=400, text="unknown client or redirect address", headers=HEADERS)
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return self._back(query["redirect_uri"], error="invalid_request", state=query.get("state", ""))
        chosen = next((each for each in self.people if each.subject == query.get("login_hint")), None)
        if chosen is None:
            return web.Response(text=_page(request, self.people), content_type="text/html", headers=HEADERS)
        code = b64url(self.ids.secret())
        self._codes[code] = _Grant(
            chosen, query["redirect_uri"], query["code_challenge"], query.get("nonce", ""), self.clock.now() + CODE_LIFE
        )
        while len(self._codes) > CODES_MAX:
            self._codes.popitem(last=False)
        return self._back(query["redirect_uri"], code=code, state=query.get("state", ""), iss=self.issuer)

    async def token(self, request: web.Request) -> web.Response:
        """A code for an ID token, once, to the client that has the secret and the verifier."""
        form = await request.post()
        if not self._is_client(request.headers.get("Authorization", "")):
            return _no("invalid_client", 401)
        grant = self._codes.pop(str(form.get("code", "")), None)
        challenge = b64url(sha256(str(form.get("code_verifier", "")).encode()).digest())
        good = (
            grant is not None
            and grant.until > self.clock.now()
            and grant.redirect == form.get("redirect_uri")
            and grant.challenge == challenge
        )
        if grant is None or not good or form.get("grant_type") != "authorization_code":
            return _no("invalid_grant", 400)
        token = b64url(self.ids.secret())
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": 300, "id_token": self._id_token(grant)}
        return web.json_response(answer, headers={"Cache-Control": "no-store"})

    def _id_token(self, grant: _Grant) -> str:
        now = self.clock.now()
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": grant.person.subject, "nonce": grant.nonce,
            "iat": int(now.timestamp()), "exp": int((now + TOKEN_LIFE).timestamp()),
            "name": grant.person.name, "roles": [role.value for role in grant.person.roles],
            "member": grant.person.member, "synthetic": True,
        }  # fmt: skip
        if grant.person.citizen_id:
            claims[CITIZEN_CLAIM] = grant.person.citizen_id
        return jwt.encode({"alg": ALGORITHM, "kid": self.key.kid}, claims, jwk.import_key(self.key.to_pem(), "OKP"), algorithms=[ALGORITHM])

    def _is_client(self, authorization: str) -> bool:
        scheme, _, value = authorization.partition(" ")
        try:
            name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return False
        return (
            scheme == "Basic"
            and unquote_plus(name) == CLIENT_ID
            and hmac.compare_digest(unquote_plus(secret).encode(), self.secret.encode())
        )

    def _back(self, redirect: str, **answer: str) -> web.Response:
        return web.Response(status=303, headers={**HEADERS, "Location": f"{redirect}?{urlencode(answer)}"})


@asynccontextmanager
async def identity_host(folder: Path, clock: Clock, ids: IdSource) -> AsyncIterator[IdentityHost]:
    """Listen on loopback while the body runs."""
    secret = b64url(ids.secret())
    file = await asyncio.to_thread(_keep, folder / "client.secret", secret)
    host = IdentityHost("", file, clock, ids, secret)
    app = web.Application(client_max_size=16 * 1024)
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", host.discovery),
            web.get("/jwks", host.jwks),
            web.get("/authorize", host.authorize),
            web.post("/token", host.token),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield host
    finally:
        await runner.cleanup()


def _keep(file: Path, secret: str) -> Path:
    """Where the gateway reads its client secret from; a new one each run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    write_secret_file(file, secret.encode("ascii"))
    return file


def with_people(settings: Settings, host: IdentityHost) -> Settings:
    """The same, with pages for people, on a port nobody chose, who sign in here."""
    listen = settings.listen.model_copy(update={"people_port": 0})
    people = PeopleSettings.model_validate({**host.settings, "citizen_claim": CITIZEN_CLAIM})
    return settings.model_copy(update={"listen": listen, "people": people})


def _page(request: web.Request, people: tuple[SamplePerson, ...]) -> str:
    """Plain HTML, no style, no script: it says what it is."""
    asked = {name: value for name, value in request.query.items() if name != "login_hint"}
    lines = "".join(
        f'<li><a href="?{escape(urlencode({**asked, "login_hint": each.subject}))}">{escape(each.name)}</a> '
        f"{escape(each.member)} <small>{escape(' '.join(each.roles))}</small></li>"
        for each in people
    )
    return (
        '<!doctype html><html lang="zh-Hans"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>沙箱身份提供方 · Sandbox identity provider</title></head><body><main><h1>沙箱身份提供方 · Sandbox identity provider</h1>"
        "<p>以下人员均为虚构,无需密码。只用于本机沙箱。<br>All of these people are made up; there are no passwords. "
        "For the sandbox on this machine only.</p>"
        f"<ul>{lines}</ul></main></body></html>"
    )


def _no(error: str, status: int) -> web.Response:
    return web.json_response({"error": error}, status=status, headers={"Cache-Control": "no-store"})
