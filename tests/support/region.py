"""A whole region in a temporary folder, without sockets: a built gateway, four banks' keys, messages sealed by hand.

Used by tests of the use cases.  Clock and ids are seeded; the database is real.
"""

import asyncio
import json
import random
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from gateway.adapters.part_manifest import write_manifest
from gateway.app import DATABASE_FILE, Gateway, Tools, build, load_tools
from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import SigningKey, write_secret_file
from gateway.federation.envelope import seal
from gateway.federation.framing import RawMessage
from gateway.federation.members import Channel, GatewayRecord, KeyRecord, Member, Name, SignedAgreement, Status, TrustData, Turn
from gateway.federation.message import Content, HttpTarget, RawContent
from gateway.federation.registry import TrustFile, sign_agreement
from gateway.mapping.documents import write
from gateway.model.canonical import b64url, jcs
from gateway.model.documents import Acknowledgement, Consent, Decision, DecisionItem, Identity, Posting, Request, Verdict
from gateway.model.local import PartManifest
from gateway.model.regional import Kind
from gateway.model.units import Credits
from gateway.settings import Settings
from gateway.storage.schema import upgrade
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey
from gateway.transfers.receive import Reply

START = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
REGIONS = {"CN-31": "shanghai", "CN-32": "jiangsu", "CN-33": "zhejiang", "CN-34": "anhui"}
SAMPLES = Path(__file__).parents[2] / "gateway" / "adapters"
ORIGIN = "log.test/gateway"
TARGET = HttpTarget("POST", "http://127.0.0.1:1/v1/messages")
PERSON = Identity("11010519491231002X", "王测试", synthetic=True)


@cache
def tools() -> Tools:
    return load_tools()


@dataclass
class ManualClock:
    """Moves only when told."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def advance(self, **step: float) -> None:
        self.moment += timedelta(**step)


@dataclass
class SeededIds:
    """Ids that repeat with the seed."""

    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def jti(self) -> str:
        return b64url(self.chance.randbytes(16))

    def secret(self) -> bytes:
        return self.chance.randbytes(32)


def key_of(owner: str, alg: str = "EdDSA") -> SigningKey:
    return SigningKey.from_seed(owner.encode().ljust(32, b"."), alg)


@dataclass
class Message:
    """A sealed message that can be sent again."""

    raw: RawMessage
    token: str
    jti: str
    contents: Mapping[str, Content]

    def sd(self, name: str) -> str:
        content = self.contents[name]
        return salted_digest(content.secret, content.data)


@dataclass
class World:
    """The gateway under test and the hands of the banks."""

    gateway: Gateway
    clock: ManualClock
    ids: SeededIds
    trust: TrustFile
    folder: Path

    def message(
        self,
        iss: str,
        act: str,
        contents: Sequence[tuple[str, bytes]],
        *,
        key: SigningKey | None = None,
        jti: str | None = None,
        target: HttpTarget = TARGET,
        life: timedelta = timedelta(minutes=4),
        **claims: Any,
    ) -> Message:
        made = [
            Content(name, data, "application/xml" if data[:1] == b"<" else "application/octet-stream", self.ids.secret())
            for name, data in contents
        ]
        jti = jti or self.ids.jti()
        if act == "request" and "part" in dict(contents) and "same_person" not in claims:
            identity = next(content for content in made if content.name == "identity")
            claims["same_person"] = salted_digest(identity.secret, identity.data)
        now = self.clock.now()
        token = seal(
            key=key or key_of(iss), iss=iss, aud="CN-YRD", jti=jti, iat=now, exp=now + life, act=act, contents=made, http=target, **claims
        )
        raw = RawMessage(token, {each.name: RawContent(each.name, each.data, each.media_type, each.secret) for each in made})
        return Message(raw, token, jti, {each.name: each for each in made})

    async def send(self, message: Message) -> "Heard":
        reply = await self.gateway.receiver.receive(message.raw, TARGET)
        return Heard(reply, json.loads(reply.body))

    async def act(self, iss: str, act: str, contents: Sequence[tuple[str, bytes]] = (), **claims: Any) -> "Heard":
        return await self.send(self.message(iss, act, contents, **claims))

    def request(
        self,
        source: str,
        accepting: str,
        records: Sequence[str],
        part: bytes | None = None,
        *,
        manifest: PartManifest | None = None,
        identity: Identity = PERSON,
        consent: Mapping[str, Any] | None = None,
        accounts: Mapping[str, str] | None = None,
        programme: str = "120402",
        **claims: Any,
    ) -> Message:
        """A request as the facing bank would send it: pushed with a part, else pulled."""
        facing = source if part is not None else accepting
        asked = Request(
            source=source, accepting=accepting, facing=facing, programme_code=programme, programme_name="行政管理", purpose="recognition",
            records=tuple(records), accounts=accounts or {}, applied_at=self.clock.now(),
        )  # fmt: skip
        contents = [
            ("request", write(asked)),
            ("identity", write(identity)),
            ("consent", write(self.consent(facing, accepting, source, records, **(consent or {})))),
        ]
        if part is None:
            contents.append(("consent-source", write(self.consent(facing, source, source, records))))
        else:
            contents.append(("part", part))
            if manifest is not None:
                contents.append(("manifest", write_manifest(manifest)))
        return self.message(facing, "request", contents, **claims)

    def consent(self, controller: str, recipient: str, source: str, records: Sequence[str], /, **changes: Any) -> Consent:
        values: dict[str, Any] = {
            "consent_id": f"consent-{self.ids.jti()}",
            "controller": controller,
            "recipient": recipient,
            "recipient_contact": "021-00000000",
            "purpose": "recognition",
            "method": "加密网络传输",
            "kinds": ("成绩", "学分"),
            "retention_until": date(2031, 1, 1),
            "rights": "可随时撤回",
            "notice_digest": "0" * 64,
            "source": source,
            "records": tuple(records),
            "given_at": self.clock.now() - timedelta(hours=1),
            "expires_at": self.clock.now() + timedelta(days=60),
        }
        return Consent(**(values | changes))


@dataclass
class Heard:
    """An answer, opened."""

    reply: Reply
    body: dict[str, Any]

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def code(self) -> str:
        return str(self.body["problem"]["code"])


def trust_data(endpoints: Mapping[str, str] | None = None, *, alg: str = "EdDSA", now: datetime = START) -> TrustData:
    since, until = now - timedelta(days=30), now + timedelta(days=365)
    log_key = key_of("log")
    members = tuple(
        Member(
            id=name, name=Name(region, region), region=region, city_code=name[3:] + "0000",
            endpoint=(endpoints or {}).get(name, f"http://127.0.0.1:1/{region}") if name in {"CN-31", "CN-32"} else "",
            channel=Channel.PUSH if name in {"CN-31", "CN-32"} else Channel.MAILBOX,
            status=Status.ACTIVE, contact="sandbox", keys=(KeyRecord(key_of(name, alg).verify_key, since, until),),
        )
        for name, region in REGIONS.items()
    )  # fmt: skip
    agreements = []
    for source in REGIONS:
        for accepting in REGIONS:
            if source != accepting:
                text = jcs(
                    {"id": f"{source}-{accepting}", "source": source, "accepting": accepting, "kinds": sorted(Kind), "since": "2024-01-01",
                     "until": "2030-12-31", "suspended": False}
                ).decode()  # fmt: skip
                signatures = {member: sign_agreement(key_of(member, alg), text) for member in (source, accepting)}
                agreements.append(SignedAgreement(f"{source}-{accepting}", text, signatures))
    return TrustData(
        serial=1,
        issued_at=since,
        expires_at=until,
        presiding=(Turn("CN-32", since, now + timedelta(days=200)), Turn("CN-33", now + timedelta(days=200), until)),
        gateway=GatewayRecord(
            "CN-YRD", Name("网关", "gateway"), (KeyRecord(key_of("CN-YRD").verify_key, since, until),), ORIGIN,
            NoteKey(ORIGIN, LOG_SIGNATURE, log_key.public_raw).vkey,
        ),
        members=members,
        agreements=tuple(agreements),
    )  # fmt: skip


@cache
def empty_database() -> bytes:
    """A database without rows, migrated once a process: every node of every test begins with one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE_FILE
        upgrade(file)
        return file.read_bytes()


def write_files(folder: Path, data: TrustData) -> Settings:
    """Trust file, keys, an empty database, settings: everything a node starts from."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    if not (folder / "data" / DATABASE_FILE).exists():
        (folder / "data" / DATABASE_FILE).write_bytes(empty_database())
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    if not (keys / "gateway.pem").exists():
        key_of("CN-YRD").save(keys / "gateway.pem")
        key_of("log").save(keys / "log.pem")
        for name in ("master", "pseudonym", "nullifier"):
            write_secret_file(keys / f"{name}.key", name.encode().ljust(32, b"."))
        (folder / "registry.jwk.json").write_text(json.dumps(key_of("registry").verify_key.jwk), "ascii")
    raw, signature = TrustFile(data).sign(key_of("registry"))
    (folder / "trust.json").write_bytes(raw)
    (folder / "trust.json.sig").write_text(signature, "ascii")
    return Settings.load(
        None,
        node={"data_folder": folder / "data"},
        listen={"port": 0, "ops_port": 0},
        trust={
            "file": folder / "trust.json",
            "signature_file": folder / "trust.json.sig",
            "registry_key_file": folder / "registry.jwk.json",
            "poll_s": 0.05,
        },
        keys={
            "signing_key_file": keys / "gateway.pem",
            "log_key_file": keys / "log.pem",
            "master_key_file": keys / "master.key",
            "pseudonym_key_file": keys / "pseudonym.key",
            "nullifier_key_file": keys / "nullifier.key",
        },
        delivery={"first_s": 0.05, "most_s": 0.2, "acknowledge_s": 5.0, "idle_s": 0.05, "timeout_s": 2.0},
        log={"origin": ORIGIN},
    )


@asynccontextmanager
async def region(folder: Path, data: TrustData | None = None, *, deliver: bool = False) -> AsyncIterator[World]:
    """A working gateway without listeners.  Lanes stand still unless `deliver`."""
    settings = write_files(folder, data or trust_data())
    clock, ids = ManualClock(), SeededIds()
    async with aiohttp.ClientSession() as session:
        gateway = await build(settings, session, clock, ids, random.Random(1), tools())
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(gateway.committer.run())
                await gateway.sync_registry(gateway.registry.trust)
                lanes = tasks.create_task(gateway.courier.run()) if deliver else None
                yield World(gateway, clock, ids, gateway.registry.trust, folder)
                writer.cancel()
                if lanes is not None:
                    lanes.cancel()
        finally:
            await gateway.database.close()


# ---------------------------------------------------------------- the bank's side of a case, by hand


@dataclass
class Owed:
    """A message the gateway owes, as the bank would see it."""

    jti: str
    act: str
    event: str
    transfer: str
    contents: Mapping[str, bytes]
    sd: Mapping[str, str]


async def take(world: World, member: str) -> list[Owed]:
    """What a bank would find: every message due in its lane, marked as tried."""
    dispatcher = world.gateway.parts.mailbox.dispatcher
    found = []
    for row in await dispatcher.due(member, 100, at_once=True):
        parcel = await dispatcher.parcel(row)
        if parcel is None:
            continue
        found.append(
            Owed(
                row.jti, row.act, row.event, row.transfer, {each.name: each.data for each in parcel.contents},
                {each.name: salted_digest(each.secret, each.data) for each in parcel.contents},
            )
        )  # fmt: skip
    return found


def acknowledgement(world: World, account: str = "ACC-1", none_reason: str = "") -> list[tuple[str, bytes]]:
    return [("acknowledgement", write(Acknowledgement("" if none_reason else account, none_reason, world.clock.now())))]


def decision(world: World, verdicts: Mapping[str, tuple[Verdict, str]]) -> list[tuple[str, bytes]]:
    items = tuple(
        DecisionItem(
            record=record, verdict=verdict, credits=Credits(Decimal(amount)), awarded=amount, awarded_unit="credit", target_course="",
            reason="content_equivalent" if verdict is Verdict.RECOGNISED else "content_insufficient", rule="SANDBOX-1",
            text_zh="沙箱认定", text_en="sandbox decision",
        )
        for record, (verdict, amount) in verdicts.items()
    )  # fmt: skip
    return [("decision", write(Decision("120402", world.clock.now(), "reviewer", items)))]


def posting(world: World, *records: str, impossible: str = "") -> list[tuple[str, bytes]]:
    return [("posting", write(Posting(impossible, "BOOK-1", world.clock.now(), tuple(records))))]


async def to_reviewing(world: World, member: str) -> tuple[Owed, Heard]:
    """The accepting bank takes its next case."""
    owed = next(each for each in await take(world, member) if each.act == "forward")
    heard = await world.act(member, "acknowledge", acknowledgement(world), scp=owed.transfer, irt=owed.jti, posture="account")
    assert heard.status == 200, heard.body
    return owed, heard


async def decide(world: World, member: str, owed: Owed, heard: Heard, verdicts: Mapping[str, tuple[Verdict, str]], **changes: Any) -> Heard:
    case = json.loads(owed.contents["case"])
    claims = {
        "scp": owed.transfer, "ver": heard.body["ver"], "delivered": owed.sd["local"], "part": case["part_sd"], "mapping": case["mapping"],
    } | changes  # fmt: skip
    return await world.act(member, "decide", decision(world, verdicts), **claims)
