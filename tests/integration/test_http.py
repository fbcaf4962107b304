"""Over real sockets: the member API, the mailbox, tokens, the log, health; and what it says to those who get it wrong."""

import io
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from joserfc import jwk, jwt
from support.proposals import in_force, management
from support.region import SAMPLES, ManualClock, SeededIds, World, key_of, tools, trust_data, write_files

from gateway.app import Addresses, build, serving
from gateway.crypto.keys import verify_ed25519
from gateway.federation.channels.https import HttpsChannel
from gateway.federation.message import HttpTarget
from gateway.transferlog.checkpoint import Verifier, decode_vkey, open_checkpoint
from gateway.transferlog.merkle import leaf_hash
from gateway.transferlog.tiles import write_bundle

SH = (SAMPLES / "shanghai" / "samples" / "good" / "sh.json").read_bytes()
SH_RECORDS = ("SHC20230098812", "SHC20230098813", "SHZ2022551201", "SHT2024000917")


@dataclass
class Site:
    world: World
    addresses: Addresses
    session: aiohttp.ClientSession

    @property
    def messages(self) -> str:
        return self.addresses.member_api + "/v1/messages"

    async def post(self, message: Any) -> tuple[int, dict[str, Any], bool]:
        answer = await HttpsChannel(self.session, 10).post(self.messages, message.token, list(message.contents.values()))
        return answer.status, json.loads(answer.body), answer.repeated

    async def token(self, member: str, jti: str = "assertion-0001", **changes: Any) -> tuple[int, dict[str, Any]]:
        url = self.addresses.member_api + "/v1/token"
        now = int(self.world.clock.now().timestamp())
        key = key_of(member)
        claims = {"iss": member, "sub": member, "aud": url, "iat": now, "exp": now + 60, "jti": jti} | changes
        assertion = jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, jwk.import_key(key.to_pem(), "OKP"), algorithms=["Ed25519"])
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        async with self.session.post(url, data=form) as response:
            return response.status, await response.json()


@asynccontextmanager
async def site(folder: Path) -> AsyncIterator[Site]:
    settings = write_files(folder, trust_data())
    clock, ids = ManualClock(), SeededIds()
    async with aiohttp.ClientSession() as session:
        gateway = await build(settings, session, clock, ids, random.Random(1), tools())
        async with serving(gateway) as addresses:
            yield Site(World(gateway, clock, ids, gateway.registry.trust, folder), addresses, session)


async def test_message_when_posted_twice_then_same_answer_marked_repeated(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        message = here.world.request("CN-31", "CN-33", SH_RECORDS, SH, target=HttpTarget("POST", here.messages))
        status, body, repeated = await here.post(message)
        assert (status, repeated) == (202, False)
        again_status, again, repeated = await here.post(message)
        assert (again_status, repeated) == (202, True)
        assert again == body


async def test_message_when_bound_to_another_address_then_refused_and_nothing_kept(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        size = here.world.gateway.ledger.size
        status, body, _ = await here.post(here.world.request("CN-31", "CN-33", SH_RECORDS, SH))
        assert (status, body["code"]) == (401, "trust.wrong_target")
        assert here.world.gateway.ledger.size == size


async def test_mailbox_when_polled_then_case_is_handed_out_once_per_lease(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        await here.post(here.world.request("CN-31", "CN-33", SH_RECORDS, SH, target=HttpTarget("POST", here.messages)))
        url = here.addresses.member_api + "/v1/mailbox"

        async def poll() -> dict[str, Any]:
            asked = here.world.message("CN-33", "collect", [], target=HttpTarget("POST", url))
            answer = await HttpsChannel(here.session, 10).post(url, asked.token, [])
            return json.loads(answer.body)

        first = await poll()
        assert len(first["messages"]) == 1
        assert {"case", "local", "regional"} <= {content["name"] for content in first["messages"][0]["contents"]}
        assert (await poll())["messages"] == []
        here.world.clock.advance(minutes=1)
        assert len((await poll())["messages"]) == 1


async def test_token_when_assertion_is_right_then_own_cases_can_be_read_and_others_not(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        _, body, _ = await here.post(here.world.request("CN-31", "CN-33", SH_RECORDS, SH, target=HttpTarget("POST", here.messages)))
        url = f"{here.addresses.member_api}/v1/transfers/{body['transfer']}"
        status, token = await here.token("CN-33")
        assert status == 200, token
        async with here.session.get(url, headers={"Authorization": f"Bearer {token['access_token']}"}) as response:
            assert response.status == 200
            shown = await response.json()
            assert shown["waiting_on"] == ["CN-33"]
            etag = response.headers["ETag"]
        headers = {"Authorization": f"Bearer {token['access_token']}", "If-None-Match": etag}
        async with here.session.get(url, headers=headers) as response:
            assert response.status == 304
        _, stranger = await here.token("CN-34")
        async with here.session.get(url, headers={"Authorization": f"Bearer {stranger['access_token']}"}) as response:
            assert response.status == 404
            assert (await response.json())["code"] == "transfer.unknown"
        async with here.session.get(url) as response:
            assert (response.status, (await response.json())["code"]) == (401, "trust.no_token")
        async with here.session.get(url, headers={"Authorization": f"Bearer {token['access_token']}x"}) as response:
            assert (response.status, (await response.json())["code"]) == (401, "trust.bad_token")


async def test_token_when_assertion_is_wrong_then_refused(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        now = int(here.world.clock.now().timestamp())
        assert (await here.token("CN-31", jti="once-only-1"))[0] == 200
        status, body = await here.token("CN-31", jti="once-only-1")
        assert (status, body["error"]) == (400, "invalid_client")
        for changes in ({"aud": "https://elsewhere"}, {"exp": now + 3600}, {"sub": "CN-32"}, {"jti": "x"}):
            status, body = await here.token("CN-31", **{"jti": f"j-{sorted(changes)}-12345678"} | changes)
            assert (status, body["error"]) == (400, "invalid_client"), changes


async def test_log_when_read_over_http_then_checkpoint_opens_and_entries_need_a_token(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        base = here.addresses.member_api
        async with here.session.get(base + "/log/checkpoint") as response:
            note = await response.text()
        vkey = decode_vkey(here.world.trust.data.gateway.log_vkey)
        head = open_checkpoint(note, [Verifier(vkey, verify_ed25519)])
        assert head.size == here.world.gateway.ledger.size
        async with here.session.get(f"{base}/log/tile/0/000.p/{head.size}") as response:
            assert response.status == 200
            assert len(await response.read()) == 32 * head.size
        async with here.session.get(f"{base}/log/tile/0/000.p/{head.size + 1}") as response:
            assert response.status == 404
        async with here.session.get(f"{base}/log/tile/entries/000.p/{head.size}") as response:
            assert response.status == 401
        async with here.session.get(base + "/log/tile/0/../../etc/passwd") as response:
            assert response.status == 404


async def test_log_tiles_when_fetched_then_their_headers_say_what_may_be_kept_and_bundles_are_for_members_alone(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        base, size = here.addresses.member_api + "/log", here.world.gateway.ledger.size
        members = {"Authorization": f"Bearer {(await here.token('CN-34'))[1]['access_token']}"}
        leaves = await here.world.gateway.receiver.reading.entries(0, size)
        forever, octets = "max-age=31536000, immutable", "application/octet-stream"
        for path, headers, kept, kind, body in (
            ("/checkpoint", {}, "no-cache", "text/plain", None),
            (f"/checkpoints/{size}", {}, "no-cache", "text/plain", None),
            (f"/tile/0/000.p/{size}", {}, f"public, {forever}", octets, b"".join(map(leaf_hash, leaves))),
            ("/tile/0/000.p/1", {}, f"public, {forever}", octets, leaf_hash(leaves[0])),
            (f"/tile/entries/000.p/{size}", members, f"private, {forever}", octets, write_bundle(leaves)),
            ("/tile/entries/000.p/1", members, f"private, {forever}", octets, write_bundle(leaves[:1])),
        ):
            async with here.session.get(base + path, headers=headers) as response:
                said = (response.status, response.headers["Cache-Control"], response.content_type, response.headers.get("Content-Encoding"))
                assert said == (200, kept, kind, None), path
                assert body in (None, await response.read()), path
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        # What is not there yet will be there: nobody may keep that answer, or the refusal of a bundle.
        for path, headers, status in (
            (f"/tile/0/000.p/{size + 1}", {}, 404), ("/tile/0/000", {}, 404), ("/tile/0/000.p/0", {}, 404), ("/tile/0/001.p/1", {}, 404),
            ("/tile/1/000.p/1", {}, 404), (f"/tile/0/000.p/0{size}", {}, 404), (f"/checkpoints/{size + 1}", {}, 404),
            (f"/tile/entries/000.p/{size + 1}", members, 404), ("/tile/entries/000", members, 404),
            (f"/tile/entries/000.p/{size}", {}, 401), (f"/tile/entries/000.p/{size}", {"Authorization": "Bearer x"}, 401),
        ):  # fmt: skip
            async with here.session.get(base + path, headers=headers) as response:
                assert (response.status, response.headers.get("Cache-Control")) == (status, "no-store"), path


async def test_health_when_asked_then_ready_and_metrics_named(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        for path, wanted in (("/livez", 200), ("/readyz", 200), ("/version", 200), ("/metrics", 200), ("/nothing", 404)):
            async with here.session.get(here.addresses.operations + path) as response:
                assert response.status == wanted
                text = await response.text()
        async with here.session.get(here.addresses.operations + "/metrics") as response:
            text = await response.text()
            assert "ceg_log_tree_size" in text
            assert "ceg_build_info" in text


async def test_request_when_malformed_then_problem_names_it_and_the_gateway_goes_on(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        cases: list[tuple[dict[str, Any], int, str]] = [
            ({"data": b"hello", "headers": {"Content-Type": "text/plain"}}, 400, "format.not_multipart"),
            ({"data": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=y"}}, 400, "format.framing"),
            ({"data": b"", "headers": {"Content-Type": "multipart/form-data"}}, 400, "format.framing"),
        ]
        for arguments, wanted, code in cases:
            async with here.session.post(here.messages, **arguments) as response:
                assert (response.status, (await response.json(content_type=None))["code"]) == (wanted, code), arguments
        form = aiohttp.MultipartWriter("form-data")
        form.append(b"<x/>", {"Content-Type": "application/xml"}).set_content_disposition("form-data", name="request")
        async with here.session.post(here.messages, data=form) as response:
            assert (response.status, (await response.json(content_type=None))["code"]) == (401, "trust.no_envelope")
        async with here.session.post(
            here.messages, data=b"x", headers={"Content-Encoding": "gzip", "Content-Type": "multipart/form-data; boundary=y"}
        ) as response:
            assert response.status == 400
        assert (await here.post(here.world.request("CN-31", "CN-33", SH_RECORDS, SH, target=HttpTarget("POST", here.messages))))[0] == 202


async def test_quote_when_asked_with_a_token_then_the_own_file_is_estimated_and_nothing_is_kept(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        url = here.addresses.member_api + "/v1/quote"
        async with here.session.post(url, data=SH) as refused:
            assert refused.status == 401
        _, granted = await here.token("CN-31")
        headers = {"Authorization": f"Bearer {granted['access_token']}"}
        before = here.world.gateway.ledger.size
        wanted = {"accepting": "CN-32", "programme": "120402"}
        async with here.session.post(url, params=wanted, data=SH, headers=headers) as none:
            assert (none.status, (await none.json())["code"]) == (422, "recognition.no_rules")
        in_force(here.world, management())
        async with here.session.post(url, params=wanted, data=SH, headers=headers) as answer:
            told = await answer.json()
            assert answer.status == 200, told
        (learner,) = told["learners"]
        assert {item["record"] for item in learner["estimate"]["items"]} == set(SH_RECORDS)
        async with here.session.post(url, params=wanted, data=io.BytesIO(b"x" * (1 << 20 | 1)), headers=headers) as large:
            assert (large.status, (await large.json())["code"]) == (413, "format.too_large")
        async with here.session.post(url, params=wanted, data=b"{", headers=headers) as broken:
            assert broken.status == 400
        assert here.world.gateway.ledger.size == before
