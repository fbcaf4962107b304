"""A small trust file for tests: two banks, the gateway, an agreement; every key from a fixed seed."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.crypto.keys import SigningKey
from gateway.federation.members import Channel, GatewayRecord, KeyRecord, Member, Name, SignedAgreement, Status, TrustData, Turn
from gateway.federation.registry import TrustFile, sign_agreement
from tests.support.envelopes import JIANGSU, NOW, SHANGHAI

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
REGISTRY = SigningKey.from_seed(b"\x70" * 32)
GATEWAY = SigningKey.from_seed(b"\x71" * 32)
NEXT = SigningKey.from_seed(b"\x72" * 32)
TEXT = '{"id": "a-1", "from": "CN-31", "to": "CN-32"}'
SIGNATURES = {"CN-31": sign_agreement(SHANGHAI, TEXT), "CN-32": sign_agreement(JIANGSU, TEXT)}


def record(key: SigningKey, **changes: Any) -> KeyRecord:
    return replace(KeyRecord(key.verify_key, START, END), **changes)


def bank(number: str, *keys: KeyRecord, **changes: Any) -> Member:
    made = Member(
        id=f"CN-{number}", name=Name(f"{number} 行", f"Bank {number}"), region="sample", city_code=f"{number}0000",
        endpoint=f"https://bank-{number}.example/credit", channel=Channel.PUSH, status=Status.ACTIVE, contact="duty desk", keys=keys,
        witness_vkey=f"bank-{number}.example/w+0a1b2c3d+AQ==", witness_url=f"https://bank-{number}.example/witness",
    )  # fmt: skip
    return replace(made, **changes)


def data(**changes: Any) -> TrustData:
    made = TrustData(
        serial=1,
        issued_at=NOW,
        expires_at=datetime(2027, 6, 1, tzinfo=UTC),
        presiding=(
            Turn("CN-31", START, datetime(2027, 1, 1, tzinfo=UTC)),
            Turn("CN-32", datetime(2027, 1, 1, tzinfo=UTC), END),
        ),
        gateway=GatewayRecord(
            "CN-YRD", Name("网关", "Gateway"), (record(GATEWAY),), "gateway.example/log", "gateway.example/log+0a1b2c3d+AQ=="
        ),
        members=(bank("31", record(SHANGHAI)), bank("32", record(JIANGSU), channel=Channel.MAILBOX, endpoint="")),
        agreements=(SignedAgreement("a-1", TEXT, SIGNATURES),),
    )
    return replace(made, **changes)


def trust(**changes: Any) -> TrustFile:
    return TrustFile(data(**changes))
