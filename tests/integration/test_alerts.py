"""Alarms: kept as rows by fingerprint, acknowledged and silenced, told to a webhook and by mail at most so often an hour."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from structlog.testing import capture_logs
from support.operators import Region, operating
from support.region import ManualClock, SeededIds, World, region

from gateway.crypto.keys import VerifyKey, verify_ed25519
from gateway.errors import SettingsError
from gateway.federation.channels.mail import Mailer
from gateway.metrics import CANARIES, REFUSED, REVIEWS
from gateway.model.people import Person, Role
from gateway.settings import Alerts as AlertSettings
from gateway.storage.alert_rows import AlertRow
from gateway.transfers import alert_signs
from gateway.transfers.alarm_lines import LINES, MEMBERS_MAX, count_alarm
from gateway.transfers.alert_findings import Findings
from gateway.transfers.alert_signs import REFUSED_MANY, Signs
from gateway.transfers.alert_watch import MAIL, WEBHOOK, AlertWatch, Contacts, mail_text
from gateway.transfers.alerts import ACKED, FIRING, OVER, Alerts, Finding
from gateway.transfers.operator_acts import Acting

WHO = Person("p", "测试员", frozenset({Role.CENTRE_OPERATOR}))


@dataclass
class Hook:
    """A webhook's receiver on loopback."""

    url: str = ""
    status: int = 204
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.taken.append((dict(request.headers), await request.read()))
        self.came.set()
        return web.Response(status=self.status)


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    hook, app = Hook(), web.Application()
    app.router.add_post("/hook", hook.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield hook
    finally:
        await runner.cleanup()


@asynccontextmanager
async def relay(mails: list[bytes], reply: bytes = b"250 taken\r\n") -> AsyncIterator[int]:
    """A mail relay that knows just enough."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay.test\r\n")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                mails.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(reply)
            else:
                writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 relay.test\r\n")
            if word == b"QUIT":
                break
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@dataclass
class Sent:
    """What was told, instead of a channel: whether it is taken is told by `works`."""

    works: bool = True
    told: list[tuple[str, list[str]]] = field(default_factory=list)

    async def send(self, target: str, _id: str, body: bytes) -> bool:
        self.told.append((target, [each["event"] for each in json.loads(body)["alerts"]]))
        return self.works


@dataclass
class Fixed:
    """What is wrong, as the test has it."""

    found: list[Finding] = field(default_factory=list)

    async def now(self) -> list[Finding]:
        return self.found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("alerts")


async def test_alarms_when_a_node_has_stuck_cases_then_rows_a_signed_webhook_and_a_page(tmp_path: Path) -> None:
    async with hooked() as hook:
        alerts = AlertSettings(poll_s=0.05, groups={"centre": hook.url})
        async with operating(tmp_path, alerts=alerts) as here:
            async with asyncio.timeout(20):
                await hook.came.wait()
            headers, body = hook.taken[0]
            key = here.gateway.parts.centre.key.verify_key
            signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
            assert verifies(key, headers["Webhook-Signature"], signed)
            assert not verifies(key, headers["Webhook-Signature"], signed + b" ")
            told = json.loads(body)
            found = {(each["event"], each["member"], each["n"]) for each in told["alerts"]}
            assert {each for each in found if each[0] != "difference"} == {  # the state digest may be compared by then, or not yet
                ("dead_letter", "CN-31", 1), ("dead_letter", "CN-32", 1), ("held", "CN-31", 1), ("held", "CN-32", 2),
            }  # fmt: skip
            await on_the_page(here, {each["fingerprint"]: each["event"] for each in told["alerts"]})
            every = [each["fingerprint"] for _, later in hook.taken for each in json.loads(later)["alerts"]]
            assert len(every) == len(set(every)), "each is told once"


async def on_the_page(here: Region, alarms: dict[str, str]) -> None:
    """Acknowledge one, silence another; roles and bad input."""
    centre, viewer, own = [await here.browser(who) for who in ("centre", "viewer", "operator-31")]
    held = next(each for each, event in alarms.items() if event == "held")
    assert (await viewer.post(f"/alerts/{held}/acknowledge", {"reason": "x"}))[0] == 403
    assert (await centre.post(f"/alerts/{held}/acknowledge", {"reason": " "}))[0] == 400
    assert (await centre.post("/alerts/unknown/acknowledge", {"reason": "x"}))[0] == 404
    assert (await centre.post(f"/alerts/{held}/silence", {"reason": "检修", "hours": "9999"}))[0] == 400
    assert (await centre.post(f"/alerts/{held}/silence", {"reason": "检修", "hours": "8"}))[0] == 303
    assert (await centre.post(f"/alerts/{held}/acknowledge", {"reason": "已联系该行"}))[0] == 303
    assert (await centre.post(f"/alerts/{held}/acknowledge", {"reason": "已联系该行"}))[0] == 409
    text = (await centre.get("/alerts?csv=alerts&lang=en"))[1]
    assert "acknowledged" in text
    assert "CN-32" in text
    assert "CN-32" not in (await own.get("/alerts?csv=alerts"))[1]
    auditor = await here.browser("auditor")
    page = (await auditor.get("/audit?act=alert.silence"))[1]
    assert ("检修" in page, "已联系该行" in page, held in page) == (True, False, True)
    assert "no_right" in (await auditor.get("/audit?person=viewer&outcome=refused"))[1]
    assert (await centre.get("/audit"))[0] == 403
    assert (await auditor.get("/audit?from=2999-01-01&csv=audit"))[1].count("\r\n") == 1


def verifies(key: VerifyKey, header: str, message: bytes) -> bool:
    version, _, signature = header.partition(",")
    assert version == "v1a"
    return verify_ed25519(key.raw, base64.b64decode(signature), message)


async def test_alarms_when_they_come_go_and_come_again_then_told_once_each_and_not_too_often(folder: Path) -> None:
    async with region(folder) as world:
        clock, sent, fixed = ManualClock(), Sent(), Fixed()
        alerts = Alerts(world.gateway.database, clock, Acting(world.gateway.committer, world.ids))
        findings: Any = fixed
        contacts = Contacts.of({"a": "https://a.test/x", "b": "https://b.test/x"}, {"held": "b"}, 2, mail=False)
        watch = AlertWatch(alerts, findings, contacts, {WEBHOOK: sent.send, MAIL: sent.send}, SeededIds(), "log.test")

        async def look(*found: Finding) -> list[tuple[str, list[str]]]:
            clock.advance(minutes=1)
            fixed.found, sent.told = [*found], []
            await watch.look()
            return sent.told

        async def one(event: str) -> AlertRow:
            return next(row for row in await alerts.all() if row.event == event and row.member == "X")

        difference, held = Finding("difference", "X", "warning", 3), Finding("held", "X", "error")
        assert await look(difference) == [("https://a.test/x", ["difference"]), ("https://b.test/x", ["difference"])]
        assert await look(difference) == []
        assert ((await one("difference")).times, (await one("difference")).state) == (2, FIRING)
        assert await look(difference, held) == [("https://b.test/x", ["held"])], "by its route only"
        assert await look() == []
        assert (await one("held")).state == OVER
        assert await look(held) == [], "two an hour to one address"
        clock.advance(hours=1)
        with capture_logs() as logs:
            sent.works = False
            assert await look(held) == [("https://b.test/x", ["held"])]
            assert [each["event"] for each in logs] == ["alert_not_told"]
        sent.works = True
        assert await look(held) == [("https://b.test/x", ["held"])], "tried again until it is taken"
        assert await alerts.silence(held.fingerprint, WHO, "检修", 2)
        await look()
        clock.advance(hours=1)
        assert (await look(held), (await one("held")).state) == ([], FIRING)
        clock.advance(hours=3)
        assert await look(held) == [("https://b.test/x", ["held"])], "a silence ends by itself"
        assert await alerts.acknowledge(held.fingerprint, WHO, "在处理")
        assert ((await look(held)), (await one("held")).state) == ([], ACKED)
        assert not await alerts.acknowledge(held.fingerprint, WHO, "again")


async def test_mail_when_sent_then_both_languages_and_a_refusing_relay_is_no_success() -> None:
    body = json.dumps({"gateway": "log.test", "at": "2026-11-01T00:00:00Z", "alerts": [
        {"event": "held", "member": "CN-31", "n": 2, "since": "2026-11-01T00:00:00Z"}]}).encode()  # fmt: skip
    mails: list[bytes] = []
    async with relay(mails) as port:
        assert await Mailer("127.0.0.1", port, "gateway@test", False, 5.0).send("ops@test", *mail_text(body))
        assert not await Mailer("127.0.0.1", port, "gateway@test", True, 5.0).send("ops@test", *mail_text(body)), "no STARTTLS there"
    assert len(mails) == 1
    assert b"To: ops@test" in mails[0]
    async with relay(mails, b"554 no\r\n") as port:
        assert not await Mailer("127.0.0.1", port, "gateway@test", False, 5.0).send("ops@test", *mail_text(body))
    assert not await Mailer("127.0.0.1", port, "gateway@test", False, 5.0).send("ops@test", *mail_text(body)), "nobody listens"


@pytest.mark.parametrize("target", ["http://elsewhere.test/x", "ftp://a.test/x", "mailto:ops@test", "nonsense", ""])
def test_contacts_when_a_target_is_unsound_then_named(target: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Contacts.of({"a": target}, {"held": "nobody"}, 6, mail=False)
    assert [each.path for each in caught.value.problems] == ["alerts.groups.a", "alerts.routes.held"]


async def test_findings_when_nothing_is_wrong_with_log_and_clocks_then_only_what_is_stuck(folder: Path) -> None:
    async with operating(folder / "other") as here:
        parts, clock = here.gateway.parts, here.gateway.clock
        calm = {each.event for each in await Findings(parts.status, lambda: True, lambda: True, clock.now, parts.presiding).now()}
        wild = {each.event for each in await Findings(parts.status, lambda: False, lambda: False, clock.now, parts.presiding).now()}
        assert {"dead_letter", "held"} <= calm
        assert wild - calm == {"transfer_log_stopped", "clocks_apart"}


async def test_lines_when_written_then_one_row_an_event_and_member_told_after_three_looks_and_over_after_an_hour(folder: Path) -> None:
    before = structlog.get_config()
    structlog.configure(processors=[count_alarm, lambda _logger, _name, event: repr(event)], logger_factory=structlog.ReturnLoggerFactory())
    try:
        async with region(folder / "lines") as world:
            await lines_looked_at(world)
    finally:
        structlog.configure(**before)


async def lines_looked_at(world: World) -> None:
    clock, sent, log = ManualClock(), Sent(), structlog.get_logger("gateway.test")
    alerts = Alerts(world.gateway.database, clock, Acting(world.gateway.committer, world.ids))
    signs = Signs(lambda: world.trust, clock.now)
    findings: Any = Fixed()
    contacts = Contacts.of({"a": "https://a.test/x"}, {}, 100, mail=False)
    watch = AlertWatch(alerts, findings, contacts, {WEBHOOK: sent.send}, SeededIds(), "log.test")

    async def look() -> tuple[list[tuple[str, str, int, str]], list[str]]:
        clock.advance(minutes=5)
        findings.found, sent.told = signs.now(), []
        await watch.look()
        rows = [(row.event, row.member, row.n, row.state) for row in await alerts.all() if row.event in LINES]
        return sorted(rows), [event for _, events in sent.told for event in events if event in LINES]

    assert await look() == ([], [])
    for number in range(9):
        log.warning("delivery_failed", member="CN-32", transfer=f"t{number}", code="peer.unavailable", name="王测试")
    log.error("delivery_broken", member="王测试 11010519491231002X", fault="KeyError")
    log.warning("nothing_we_know", member="CN-32")
    log.info("delivery_failed", member="CN-31")
    assert await look() == (
        [("delivery_broken", "", 1, FIRING), ("delivery_failed", "CN-31", 1, FIRING), ("delivery_failed", "CN-32", 9, FIRING)],
        ["delivery_broken"],
    )
    log.warning("delivery_failed", member="CN-32")
    assert (await look())[1] == []
    log.warning("delivery_failed", member="CN-32")
    assert await look() == (
        [("delivery_broken", "", 1, FIRING), ("delivery_failed", "CN-31", 1, FIRING), ("delivery_failed", "CN-32", 1, FIRING)],
        ["delivery_failed"],
    )
    assert "王" not in repr(await alerts.all())
    clock.advance(hours=1)
    assert {state for *_, state in (await look())[0]} == {OVER}
    for number in range(200):
        log.warning("witness_silent", member=f"ZZ-{number}")
    assert len({row[1] for row in (await look())[0] if row[0] == "witness_silent"}) <= MEMBERS_MAX + 1, "bounded"


async def test_signs_when_keys_run_out_canaries_fail_and_strangers_knock_then_rows_while_it_lasts(folder: Path) -> None:
    async with region(folder / "signs") as world:
        clock = ManualClock()
        signs = Signs(lambda: world.trust, clock.now)

        def found() -> set[tuple[str, str]]:
            return {(each.event, each.member) for each in signs.now() if each.event in alert_signs.STATES}

        calm = found()
        for _ in range(REFUSED_MANY - 1):
            REFUSED.labels("trust.unknown_key").inc()
        assert found() == calm
        REFUSED.labels("trust.unknown_key").inc()
        assert found() - calm == {("refused_many", "")}
        clock.advance(hours=1, minutes=1)
        assert found() == calm
        CANARIES.labels("CN-31", "CN-33").set(1)
        REVIEWS.labels("rule", "near").set(2)
        assert found() - calm == {("canary_wrong", "CN-33"), ("review_near", "")}
        CANARIES.labels("CN-31", "CN-33").set(0)
        REVIEWS.labels("rule", "near").set(0)
        clock.moment = world.trust.data.expires_at - timedelta(days=3)
        assert ("runs_out", "") in found()
