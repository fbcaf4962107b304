"""People on their listener, over real sockets, against the sandbox's identity provider: who gets in, and who is turned away how."""

import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc import jwt
from support.region import ManualClock, SeededIds, tools, trust_data, write_files

from gateway.app import Gateway, build, serving
from gateway.errors import SettingsError
from gateway.listening import people_site
from gateway.model.people import RIGHTS, Right, Role
from gateway.settings import People as PeopleSettings
from gateway.simulator.identity import IdentityHost, identity_host, with_people
from gateway.transfers.people import REFUSED, session_id
from gateway.web.pages.headers import CSP
from gateway.web.pages.sign_in import CALLBACK, local_path

TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass
class Town:
    """A served gateway, its identity provider, and one browser's cookies."""

    gateway: Gateway
    clock: ManualClock
    provider: IdentityHost
    url: str
    browser: aiohttp.ClientSession

    async def get(self, path: str, **how: Any) -> tuple[int, str]:
        async with self.browser.get(self.url + path if path.startswith("/") else path, **how) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, form: dict[str, str], **headers: str) -> tuple[int, str]:
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"} | {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in sent.items() if value}
        async with self.browser.post(self.url + path, data=form, headers=kept, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def sign_in(self, who: str, to: str = "/") -> tuple[int, str]:
        return await self.get(f"/sign-in/start?hint={who}&to={to}")

    async def token(self) -> str:
        found = TOKEN.search((await self.get("/"))[1])
        assert found
        return found[1]

    async def refusals(self) -> list[tuple[str, str, str, str, int]]:
        """Newest first: person, act, object, reason, times."""
        site = people(self.gateway)
        return [(row.person, row.act, row.object, row.reason, row.times) for row in await site.acts(most=500) if row.outcome == REFUSED]


def people(gateway: Gateway) -> Any:
    site = people_site(gateway.settings, gateway.parts, gateway.database, gateway.registry, gateway.clock, gateway.ids)
    assert site is not None
    return site.people


@asynccontextmanager
async def town(folder: Path, **settings: Any) -> AsyncIterator[Town]:
    clock, ids = ManualClock(), SeededIds()
    async with identity_host(folder / "identity", clock, ids) as provider, aiohttp.ClientSession() as session:
        made = with_people(write_files(folder, trust_data()), provider)
        made = made.model_copy(update={"people": made.people.model_copy(update=settings)})
        gateway = await build(made, session, clock, ids, random.Random(1), tools())
        jar = aiohttp.CookieJar(unsafe=True)  # the addresses are numbers
        async with serving(gateway) as addresses, aiohttp.ClientSession(cookie_jar=jar) as browser:
            provider.redirects.add(addresses.people + CALLBACK)
            yield Town(gateway, clock, provider, addresses.people, browser)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as found:
        yield found


async def test_page_when_nobody_is_signed_in_then_the_way_to_sign_in_and_back(here: Town) -> None:
    async with here.browser.get(here.url + "/?tv=1", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in?to=%2F%3Ftv%3D1")
        assert answer.headers["Content-Security-Policy"] == CSP
    status, text = await here.get("/?tv=1")
    assert (status, "/sign-in/start?to=%2F%3Ftv%3D1" in text) == (200, True)
    status, text = await here.sign_in("operator-31", "/%3Ftv=1")
    assert status == 200
    assert 'class="television"' in text
    assert await here.refusals() == []


async def test_sign_in_when_vouched_for_then_cookie_is_opaque_and_kept_only_as_its_digest(here: Town) -> None:
    assert (await here.sign_in("operator-31"))[0] == 200
    cookies = {cookie.key: cookie for cookie in here.browser.cookie_jar}
    assert set(cookies) == {"ceg"}
    assert (cookies["ceg"]["httponly"], cookies["ceg"]["samesite"], cookies["ceg"]["path"]) == (True, "Lax", "/")
    value = cookies["ceg"].value
    (row,) = await here.gateway.database.fetch("person_session", id=session_id(value))
    assert row[1] == "operator-31"
    assert value.encode() not in b"".join(file.read_bytes() for file in here.gateway.settings.node.data_folder.iterdir())


async def test_sign_out_when_done_then_the_cookie_opens_nothing_any_more(here: Town) -> None:
    await here.sign_in("centre")
    old = next(iter(here.browser.cookie_jar)).value
    assert (await here.post("/sign-out", {"token": await here.token()}))[0] == 303
    here.browser.cookie_jar.update_cookies({"ceg": old}, response_url=aiohttp.client.URL(here.url))
    assert (await here.get("/"))[0] == 403
    assert [row.act for row in await people(here.gateway).acts() if row.outcome == "done"] == ["sign_out", "sign_in"]


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"Origin": "https://elsewhere.example", "Sec_Fetch_Site": ""}, True),
        ({"Origin": "", "Sec_Fetch_Site": "cross-site"}, True),
        ({"Origin": "", "Sec_Fetch_Site": "same-site"}, True),
        ({"Origin": "null", "Sec_Fetch_Site": ""}, True),
        ({"Origin": "", "Sec_Fetch_Site": ""}, True),
        ({}, False),
    ],
    ids=["other-origin", "cross-site", "same-site", "null", "nothing-said", "no-token"],
)
async def test_act_when_not_sent_by_our_own_page_then_nothing_is_done_and_it_is_written_down(
    here: Town, headers: dict[str, str], token: bool
) -> None:
    await here.sign_in("centre")
    status, text = await here.post("/sign-out", {"token": await here.token() if token else "x"}, **headers)
    assert (status, "请求不是从本站页面发出的" in text, "did not come from our own page" in text) == (403, True, True)
    assert (await here.get("/"))[0] == 200
    assert await here.refusals() == [("centre", "POST /sign-out", "/sign-out", "forged", 1)]


async def test_refusals_when_repeated_within_a_minute_then_one_row_with_a_count(here: Town) -> None:
    for each in range(3):
        assert (await here.get(f"/nothing-{each}"))[0] == 404
    await here.sign_in("viewer")
    unknown = [await here.get("/nothing-1"), await here.get("/nothing-1?lang=en")]
    assert [status for status, _ in unknown] == [404, 404]
    assert await here.refusals() == [("viewer", "GET -", "/nothing-1", "not_found", 2), ("", "GET -", "-", "not_found", 3)]


async def test_session_when_idle_or_too_old_then_over(here: Town) -> None:
    await here.sign_in("centre")
    for _ in range(3):
        here.clock.advance(minutes=20)
        assert (await here.get("/"))[0] == 200
    here.clock.advance(minutes=31)
    status, text = await here.get("/")
    assert (status, "登录已结束" in text, "/sign-in?to=" in text) == (403, True, True)
    assert (await here.refusals())[0] == ("", "GET /", "/", "session_over", 1)
    await here.sign_in("centre")
    for _ in range(16):
        here.clock.advance(minutes=29)
        assert (await here.get("/"))[0] == 200
    here.clock.advance(minutes=17)  # eight hours and a minute after it began
    assert (await here.get("/"))[0] == 403


async def test_person_when_without_a_role_then_told_so_and_after_some_tries_locked(here: Town) -> None:
    answers = [(await here.sign_in("stranger"))[0] for _ in range(5)]
    assert answers == [403] * 5
    assert (await here.sign_in("stranger"))[0] == 429
    assert (await here.sign_in("centre"))[0] == 429, "the address is locked for everybody who comes from it"
    here.clock.advance(minutes=16)
    assert (await here.sign_in("centre"))[0] == 200


async def test_callback_when_tampered_with_then_refused(here: Town) -> None:
    async with here.browser.get(here.url + "/sign-in/start?hint=centre", allow_redirects=False) as answer:
        to_provider = answer.headers["Location"]
    asked = parse_qs(urlsplit(to_provider).query)
    assert (asked["code_challenge_method"], asked["scope"], len(asked["nonce"][0])) == (["S256"], ["openid profile"], 43)
    async with here.browser.get(to_provider, allow_redirects=False) as answer:
        back = answer.headers["Location"]
    bent = [
        back.replace("state=", "state=x"),
        re.sub(r"code=[^&]+", "code=guessed", back),
        back.replace("iss=http", "iss=https"),
        here.url + CALLBACK,
    ]
    for url in bent:
        assert (await here.get(url))[0] == 403, url
    async with aiohttp.ClientSession() as other, other.get(back) as answer:
        assert answer.status == 403, "another browser's sign-in is not this one's"


async def test_code_when_used_twice_then_the_second_is_refused(here: Town) -> None:
    async with here.browser.get(here.url + "/sign-in/start?hint=centre", allow_redirects=False) as answer:
        to_provider, way = answer.headers["Location"], answer.cookies["ceg-way"].value
    async with here.browser.get(to_provider, allow_redirects=False) as answer:
        back = answer.headers["Location"]
    assert (await here.get(back))[0] == 200
    here.browser.cookie_jar.update_cookies({"ceg-way": way}, response_url=aiohttp.client.URL(here.url))
    assert (await here.get(back))[0] == 403


async def test_live_line_when_opened_then_sends_the_head_and_counts_as_no_use(here: Town) -> None:
    await here.sign_in("viewer")
    async with here.browser.get(here.url + "/live?lang=en") as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
        told = (await answer.content.readuntil(b"\n\n")).decode()
    assert told.startswith("event: head\ndata: ")
    assert "leaves in the transfer log" in told


async def test_table_when_asked_as_csv_then_the_rows_of_the_page_and_of_no_other(here: Town) -> None:
    await here.sign_in("operator-32")
    async with here.browser.get(here.url + "/?csv=members&lang=en") as answer:
        assert answer.content_type == "text/csv"
        body = await answer.read()
    assert body.startswith(b"\xef\xbb\xbfId,Name,")
    assert body.count(b"\r\n") == 5
    assert (await here.get("/?csv=none"))[0] == 404


async def test_static_files_when_asked_for_then_vendored_ones_compressed_and_for_ever(here: Town) -> None:
    async with here.browser.get(here.url + "/static/vendor/htmx.org@2.0.11/htmx.min.js", headers={"Accept-Encoding": "gzip"}) as answer:
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, "gzip")
        assert "immutable" in answer.headers["Cache-Control"]
    assert (await here.get("/static/vendor/../../people_app.py"))[0] == 404
    assert (await here.get("/api/openapi.json"))[0] == 200


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere", "", "/sign-in", "/a\n", "/" + "a" * 600]
)
def test_way_back_when_it_leads_elsewhere_then_the_first_page(path: str) -> None:
    assert local_path(path) == "/"


async def test_page_when_the_url_holds_markup_then_it_is_text(here: Town) -> None:
    _, text = await here.get("/sign-in", params={"to": '/"><b>x', "lang": '"><b>x'})
    assert "<b>" not in text
    assert "%22%3E%3Cb%3Ex" in text


async def test_id_token_when_for_another_sign_in_or_client_then_refused(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    real = jwt.encode
    for bent in ({"nonce": "another"}, {"aud": "another"}, {"iss": "http://127.0.0.1:1"}, {"exp": 1}, {"nonce": None}):
        monkeypatch.setattr(jwt, "encode", lambda head, claims, *rest, bent=bent, **more: real(head, {**claims, **bent}, *rest, **more))
        assert (await here.sign_in("centre"))[0] == 403, bent
        here.clock.advance(minutes=16)
    monkeypatch.undo()
    assert (await here.sign_in("centre"))[0] == 200


async def test_page_when_a_name_holds_markup_then_it_is_text(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    real = jwt.encode
    monkeypatch.setattr(jwt, "encode", lambda head, claims, *rest, **more: real(head, {**claims, "name": "<b>x</b>"}, *rest, **more))
    _, text = await here.sign_in("centre")
    assert ("<b>x" in text, "&lt;b&gt;x" in text) == (False, True)


async def test_page_when_the_role_has_not_its_right_then_refused_and_written_down(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[Role, frozenset[Right]]", RIGHTS), Role.VIEWER, frozenset())
    status, text = await here.sign_in("viewer")
    assert (status, "您的角色无权使用此页" in text, "Your role does not have the right" in text) == (403, True, True)
    assert await here.refusals() == [("viewer", "GET /", "/", "no_right", 1)]
    assert (await here.get("/live"))[0] == 403


async def test_settings_when_pages_would_be_served_unprotected_then_refused(tmp_path: Path) -> None:
    async with town(tmp_path) as here:
        wrong = here.gateway.settings.model_copy(
            update={
                "people": PeopleSettings(issuer="http://provider.example", public_url="http://console.example", roles={"x": "emperor"}),
                "listen": here.gateway.settings.listen.model_copy(update={"people_host": "0.0.0.0"}),
            }
        )
        with pytest.raises(SettingsError) as caught:
            people_site(wrong, here.gateway.parts, here.gateway.database, here.gateway.registry, here.clock, here.gateway.ids)
        assert [each.path for each in caught.value.problems] == ["people.issuer", "people.public_url", "people.roles.x"]
