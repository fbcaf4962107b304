"""A whole region in one folder: keys, a signed trust file with twelve agreements, settings.  For trying out, never for service.

`prepare` may be called again on the same folder: keys stay, the trust file is issued anew with the
next serial (addresses change from run to run).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path

from gateway.crypto.keys import EDDSA, ES256, SigningKey, read_secret_file, write_secret_file
from gateway.federation.members import Channel, GatewayRecord, KeyRecord, Member, Name, SignedAgreement, Status, TrustData, Turn
from gateway.federation.protocol import GATEWAY_ID
from gateway.federation.registry import TrustFile, sign_agreement
from gateway.federation.trust_json import read_trust
from gateway.model.ports import Clock, IdSource
from gateway.model.regional import Kind
from gateway.settings import Settings
from gateway.simulator.people import ANHUI, JIANGSU, MEMBERS, SHANGHAI, ZHEJIANG
from gateway.transferlog.checkpoint import COSIGNATURE, LOG_SIGNATURE, NoteKey

ORIGIN = "log.yrd-credit.example/sandbox"
VALID = timedelta(days=365)
REGIONS: Mapping[str, str] = {SHANGHAI: "shanghai", JIANGSU: "jiangsu", ZHEJIANG: "zhejiang", ANHUI: "anhui"}
BANK_NAMES: Mapping[str, Name] = {
    SHANGHAI: Name("上海学分银行(沙箱)", "Shanghai credit bank (sandbox)"),
    JIANGSU: Name("江苏学分银行(沙箱)", "Jiangsu credit bank (sandbox)"),
    ZHEJIANG: Name("浙江学分银行(沙箱)", "Zhejiang credit bank (sandbox)"),
    ANHUI: Name("安徽学分银行(沙箱)", "Anhui credit bank (sandbox)"),
}
CITY_CODES: Mapping[str, str] = {SHANGHAI: "310000", JIANGSU: "320000", ZHEJIANG: "330000", ANHUI: "340000"}
PUSHED = (SHANGHAI, JIANGSU)
"""Members that listen for the gateway over HTTP."""
CHANNELS: Mapping[str, Channel] = {SHANGHAI: Channel.PUSH, JIANGSU: Channel.SOAP, ANHUI: Channel.SFTP}
"""How a member with an endpoint is reached; one without polls its mailbox."""
ALGORITHMS: Mapping[str, str] = {SHANGHAI: ES256, JIANGSU: EDDSA, ZHEJIANG: ES256, ANHUI: EDDSA}
_SECRETS = ("master", "pseudonym", "nullifier")


@dataclass(frozen=True, slots=True)
class SandboxFiles:
    """What `prepare` made.  `bank_keys` by member id; nothing here is secret beyond the sandbox."""

    folder: Path
    trust_file: Path
    registry_key: SigningKey
    gateway_key: SigningKey
    log_key: SigningKey
    bank_keys: Mapping[str, SigningKey]
    trust: TrustFile
    settings: Settings
    witness_keys: Mapping[str, SigningKey]

    def issue(self, trust: TrustFile) -> TrustFile:
        """Sign a trust file and put it in place, the signature last: that is what the gateway watches."""
        raw, signature = trust.sign(self.registry_key)
        _replace(self.trust_file, raw)
        _replace(self.trust_file.with_suffix(".json.sig"), signature.encode("ascii"))
        return trust


def prepare(
    folder: Path,
    endpoints: Mapping[str, str],
    clock: Clock,
    ids: IdSource,
    sftp: Mapping[str, Path] | None = None,
    witnesses: Mapping[str, str] | None = None,
) -> SandboxFiles:
    """Make or refresh the sandbox; `endpoints` maps members to their URLs, `sftp` holds the gateway's key files for a server of files.

    `witnesses` maps members to where they witness; without it nobody does, and nothing becomes final.

    Raises SettingsError.
    """
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    for name in _SECRETS:
        if not (keys / f"{name}.key").exists():
            write_secret_file(keys / f"{name}.key", ids.secret())
    registry, gateway, log = (_key(keys / f"{name}.pem", EDDSA) for name in ("registry", "gateway", "log"))
    banks = {member: _key(keys / f"{member}.pem", ALGORITHMS[member]) for member in MEMBERS}
    cosigners = {member: _key(keys / f"witness-{member}.pem", EDDSA) for member in witnesses or ()}
    trust_file = folder / "trust.json"
    now = clock.now().replace(microsecond=0)
    earlier = read_trust(trust_file.read_bytes()) if trust_file.exists() else None
    named = {member: (_witness_vkey(member, key), (witnesses or {})[member]) for member, key in cosigners.items()}
    trust = TrustFile(_trust_data(earlier, now, endpoints, gateway, log, banks, named))
    (folder / "registry.jwk.json").write_text(json.dumps(registry.verify_key.jwk), "ascii")
    files = SandboxFiles(folder, trust_file, registry, gateway, log, banks, trust, _settings(folder, sftp or {}), cosigners)
    files.issue(trust)
    return files


def _witness_vkey(member: str, key: SigningKey) -> str:
    return NoteKey(f"witness.sandbox.example/{member}", COSIGNATURE, key.public_raw).vkey


def _key(path: Path, alg: str) -> SigningKey:
    if path.exists():
        return SigningKey.from_pem(read_secret_file(path))
    key = SigningKey.generate(alg)
    key.save(path)
    return key


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(content)
    beside.replace(path)


def _trust_data(
    earlier: TrustData | None,
    now: datetime,
    endpoints: Mapping[str, str],
    gateway: SigningKey,
    log: SigningKey,
    banks: Mapping[str, SigningKey],
    witnesses: Mapping[str, tuple[str, str]],
) -> TrustData:
    since = _since(earlier, now)

    def held(key: SigningKey) -> tuple[KeyRecord, ...]:
        return (KeyRecord(key.verify_key, since, since + VALID),)

    members = tuple(
        Member(
            id=member, name=BANK_NAMES[member], region=REGIONS[member], city_code=CITY_CODES[member],
            endpoint=endpoints.get(member, ""),
            channel=CHANNELS[member] if member in endpoints else Channel.MAILBOX, status=Status.ACTIVE,
            contact=f"{REGIONS[member]}@sandbox.example", keys=held(banks[member]),
            witness_vkey=witnesses.get(member, ("", ""))[0], witness_url=witnesses.get(member, ("", ""))[1],
        )
        for member in MEMBERS
    )  # fmt: skip
    return TrustData(
        serial=1 if earlier is None else earlier.serial + 1,
        issued_at=now,
        expires_at=since + VALID,
        presiding=tuple(
            Turn(member, since + VALID / 4 * place, since + VALID / 4 * (place + 1)) for place, member in enumerate(MEMBERS)
        ),
        gateway=GatewayRecord(
            GATEWAY_ID, Name("长三角学分互认网关(沙箱)", "Credit Exchange Gateway (sandbox)"), held(gateway),
            ORIGIN, NoteKey(ORIGIN, LOG_SIGNATURE, log.public_raw).vkey,
        ),
        members=members,
        agreements=tuple(_agreement(source, accepting, since, banks) for source, accepting in permutations(MEMBERS, 2)),
    )  # fmt: skip


def _since(earlier: TrustData | None, now: datetime) -> datetime:
    """Keys count from the sandbox's first day on, whatever is issued later."""
    return earlier.gateway.keys[0].not_before if earlier is not None else now - timedelta(minutes=5)


def _agreement(
    source: str, accepting: str, since: datetime, banks: Mapping[str, SigningKey], *, suspended: bool = False
) -> SignedAgreement:
    """One direction, every kind of achievement but community learning, signed by both."""
    name = f"YRD-{source[3:]}-{accepting[3:]}"
    body = {
        "id": name,
        "source": source,
        "accepting": accepting,
        "kinds": [kind.value for kind in Kind if kind is not Kind.COMMUNITY],
        "since": f"{since:%Y-%m-%d}",
        "until": f"{since + VALID:%Y-%m-%d}",
        "suspended": suspended,
    }
    text = json.dumps(body, ensure_ascii=False)
    return SignedAgreement(name, text, {member: sign_agreement(banks[member], text) for member in (source, accepting)})


def suspend_agreement(files: SandboxFiles, trust: TrustFile, source: str, accepting: str, now: datetime) -> TrustFile:
    """The next trust file, in which both banks have suspended their agreement of that direction."""
    data = trust.data
    suspended = _agreement(source, accepting, data.gateway.keys[0].not_before, files.bank_keys, suspended=True)
    agreements = tuple(suspended if each.id == suspended.id else each for each in data.agreements)
    return TrustFile(replace(data, serial=data.serial + 1, issued_at=now.replace(microsecond=0), agreements=agreements))


def _settings(folder: Path, sftp: Mapping[str, Path]) -> Settings:
    """A gateway on loopback, on ports nobody chose, in a hurry."""
    keys = folder / "keys"
    return Settings.load(
        None,
        node={"data_folder": folder / "gateway"},
        listen={"host": "127.0.0.1", "port": 0, "ops_host": "127.0.0.1", "ops_port": 0},
        trust={
            "file": folder / "trust.json",
            "signature_file": folder / "trust.json.sig",
            "registry_key_file": folder / "registry.jwk.json",
            "poll_s": 0.2,
        },
        keys={
            "signing_key_file": keys / "gateway.pem",
            "log_key_file": keys / "log.pem",
            **{f"{name}_key_file": keys / f"{name}.key" for name in _SECRETS},
        },
        delivery={"first_s": 0.2, "most_s": 5.0, "acknowledge_s": 15.0, "idle_s": 0.5, "timeout_s": 10.0},
        sftp={**sftp, "poll_s": 0.2, "acknowledge_s": 15.0, "timeout_s": 10.0},
        log={"origin": ORIGIN},
    )
