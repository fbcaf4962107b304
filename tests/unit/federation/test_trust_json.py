"""The trust file's form: exact both ways, every fault named with its path."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TrustError
from gateway.federation.members import RetiredWitness
from gateway.federation.trust_json import read_trust, write_trust
from tests.support.trust import data

GOOD: dict[str, Any] = json.loads(write_trust(data()))


def broken(change: Callable[[dict[str, Any]], Any]) -> set[str]:
    document = json.loads(json.dumps(GOOD))
    change(document)
    with pytest.raises(TrustError) as caught:
        read_trust(json.dumps(document).encode())
    assert caught.value.code == "trust.bad_registry"
    assert caught.value.problems
    return {problem.path for problem in caught.value.problems}


def test_trust_when_written_and_read_then_is_equal() -> None:
    revoked = data(gateway=data().gateway, members=(*data().members[:1], data().members[1]))
    assert read_trust(write_trust(revoked)) == revoked
    assert write_trust(data()).endswith(b"}\n")
    assert "网关".encode() in write_trust(data())


OLD_KEY = "bank-31.example/w+00000001+AQ=="


def retire(document: dict[str, Any], member: int = 0, **changes: Any) -> None:
    """One more witness key that has ended."""
    entry = {"vkey": OLD_KEY, "until": "2026-01-01T00:00:00Z", "log_until": 40} | changes
    document["members"][member]["witness"].setdefault("retired", []).append(entry)


def test_trust_when_a_witness_key_is_retired_then_written_and_read_and_no_file_without_one_changes() -> None:  # PR-372
    old = RetiredWitness(OLD_KEY, datetime(2026, 1, 1, tzinfo=UTC), 40)
    kept = data(members=(replace(data().members[0], witness_retired=(old, replace(old, vkey=OLD_KEY[:-3] + "g==", log_until=None))),))
    assert read_trust(write_trust(replace(kept, presiding=(), agreements=()))).members == kept.members
    assert b"retired" not in write_trust(data())


FAULTS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("$", lambda d: d.update(extra=1)),
    ("$", lambda d: d.pop("serial")),
    ("$.version", lambda d: d.update(version=2)),
    ("$.version", lambda d: d.update(version=True)),
    ("$.serial", lambda d: d.update(serial=-1)),
    ("$.serial", lambda d: d.update(serial=True)),
    ("$.issued_at", lambda d: d.update(issued_at="2026-11-02")),
    ("$.issued_at", lambda d: d.update(issued_at="2026-02-30T00:00:00Z")),
    ("$.issued_at", lambda d: d.update(issued_at="2026-11-02T08:00:00+08:00")),
    ("$.issued_at", lambda d: d.update(issued_at=7)),
    ("$.expires_at", lambda d: d.update(expires_at=d["issued_at"])),
    ("$.presiding", lambda d: d.update(presiding={})),
    ("$.presiding", lambda d: d["presiding"].reverse()),
    ("$.presiding", lambda d: d["presiding"][0].update(member="CN-YRD")),
    ("$.presiding[0].member", lambda d: d["presiding"][0].update(member="no member")),
    ("$.presiding[1]", lambda d: d["presiding"][1].update(until=d["presiding"][1]["from"])),
    ("$.gateway", lambda d: d.update(gateway=[])),
    ("$.gateway.log", lambda d: d["gateway"].update(log=None)),
    ("$.gateway.log.vkey", lambda d: d["gateway"]["log"].update(vkey="x")),
    ("$.gateway.log.quorum", lambda d: d["gateway"]["log"].update(quorum=0)),
    ("$.gateway.log.quorum", lambda d: d["gateway"]["log"].update(quorum="3")),
    ("$.members[0].witness", lambda d: d["members"][0].pop("witness")),
    ("$.members[0].witness.vkey", lambda d: d["members"][0]["witness"].update(vkey="x")),
    ("$.members[0].witness.url", lambda d: d["members"][0]["witness"].update(url="http://bank.example/")),
    ("$.members", lambda d: d["members"][1]["witness"].update(vkey="")),
    ("$.members", lambda d: d["members"][1]["witness"].update(vkey=d["members"][0]["witness"]["vkey"])),
    ("$.members[0].witness.retired", lambda d: d["members"][0]["witness"].update(retired=[])),
    ("$.members[0].witness.retired", lambda d: d["members"][0]["witness"].update(retired=None)),
    ("$.members[0].witness.retired[0]", lambda d: retire(d, extra=1)),
    ("$.members[0].witness.retired[0].vkey", lambda d: retire(d, vkey="")),
    ("$.members[0].witness.retired[0].until", lambda d: retire(d, until=None)),
    ("$.members[0].witness.retired[0].log_until", lambda d: retire(d, log_until=-1)),
    ("$.members", lambda d: retire(d, until="2027-01-01T00:00:00Z")),  # not over yet when the file is issued
    ("$.members", lambda d: retire(d, vkey="another.example/w+00000001+AQ==")),  # a second name would count twice
    ("$.members", lambda d: retire(d, member=1)),  # another member's name
    ("$.members", lambda d: (retire(d), retire(d))),
    ("$.members", lambda d: retire(d, vkey=d["members"][0]["witness"]["vkey"])),
    ("$.members", lambda d: d["members"].append(d["members"][0])),
    ("$.members", lambda d: d["members"][0].update(id="CN-YRD")),
    ("$.members", lambda d: d.update(members=[{}] * 201)),
    ("$.members[0]", lambda d: d["members"].__setitem__(0, "CN-31")),
    ("$.members[0]", lambda d: d["members"][0].update(channel="fax")),
    ("$.members[0]", lambda d: d["members"][0].update(status="gone")),
    ("$.members[0].id", lambda d: d["members"][0].update(id="")),
    ("$.members[0].name.zh", lambda d: d["members"][0]["name"].update(zh="")),
    ("$.members[0].name.en", lambda d: d["members"][0]["name"].update(en="a\nb")),
    ("$.members[0].region", lambda d: d["members"][0].update(region="../x")),
    ("$.members[0].city_code", lambda d: d["members"][0].update(city_code="31")),
    ("$.members[0].endpoint", lambda d: d["members"][0].update(endpoint="http://bank.example/")),
    ("$.members[0].endpoint", lambda d: d["members"][0].update(endpoint="file:///etc/passwd")),
    ("$.members[0].endpoint", lambda d: d["members"][0].update(endpoint="")),
    ("$.members[0].contact", lambda d: d["members"][0].update(contact=None)),
    ("$.members[0].keys", lambda d: d["members"][0].update(keys=None)),
    ("$.members[0].keys[0]", lambda d: d["members"][0]["keys"][0].update(kid="x")),
    ("$.members[0].keys[0]", lambda d: d["members"][0]["keys"][0].update(alg="ES256")),
    ("$.members[0].keys[0]", lambda d: d["members"][0]["keys"][0].update(log_until=3)),
    ("$.members[0].keys[0]", lambda d: d["members"][0]["keys"][0].update(log_from=4, log_until=3)),
    ("$.members[0].keys[0]", lambda d: d["members"][0]["keys"][0].update(not_after="2020-01-01T00:00:00Z")),
    ("$.members[0].keys[0].log_from", lambda d: d["members"][0]["keys"][0].update(log_from=1.5)),
    ("$.members[0].keys[0].jwk", lambda d: d["members"][0]["keys"][0]["jwk"].update(d="secret")),
    ("$.members[0].keys[0].jwk", lambda d: d["members"][0]["keys"][0].update(jwk=None)),
    ("$.members[0].keys[0].revoked_at", lambda d: d["members"][0]["keys"][0].update(revoked_at=0)),
    ("$.members", lambda d: d["members"][0]["keys"][0].update(revoked_at="2027-01-01T00:00:00Z")),
    ("$.members", lambda d: d["members"][0]["keys"].append(d["members"][1]["keys"][0])),
    ("$.members", lambda d: d["gateway"]["keys"].append(d["members"][1]["keys"][0])),
    ("$.agreements", lambda d: d["agreements"].append(d["agreements"][0])),
    ("$.agreements", lambda d: d["agreements"][0]["signatures"].update({"CN-99": d["agreements"][0]["signatures"]["CN-31"]})),
    ("$.agreements[0].text", lambda d: d["agreements"][0].update(text={})),
    ("$.agreements[0].text", lambda d: d["agreements"][0].update(text="x" * 70_000)),
    ("$.agreements[0].signatures", lambda d: d["agreements"][0].update(signatures=[])),
    ("$.agreements[0].signatures", lambda d: d["agreements"][0]["signatures"].update({"CN-31": "a.b.c"})),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_read_trust_when_one_thing_is_wrong_then_names_its_place(number: int) -> None:  # EN-74, EN-77, EN-79
    path, change = FAULTS[number]
    assert path in broken(change)


def test_read_trust_when_many_things_are_wrong_then_names_all() -> None:
    def change(document: dict[str, Any]) -> None:
        document["members"][0]["city_code"] = "x"
        document["members"][1]["region"] = 7
        document["presiding"][0]["from"] = None

    assert broken(change) >= {"$.members[0].city_code", "$.members[1].region", "$.presiding[0].from"}


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"version": 1, "version": 1}', b"\xff", b"[" * 100_000])
def test_read_trust_when_bytes_are_no_strict_object_then_refuses(raw: bytes) -> None:
    with pytest.raises(TrustError) as caught:
        read_trust(raw)
    assert caught.value.code == "trust.bad_registry"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_read_trust_when_any_part_is_anything_then_raises_nothing_else(name: str, value: Any) -> None:
    codes = set()
    try:
        read_trust(json.dumps(GOOD | {name: value}).encode())
    except TrustError as error:
        codes.add(error.code)
    assert codes <= {"trust.bad_registry"}


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:8080/in", "http://localhost", "http://[::1]:9/", "https://bank.example"])
def test_read_trust_when_endpoint_is_https_or_loopback_then_accepts(endpoint: str) -> None:
    document = json.loads(json.dumps(GOOD))
    document["members"][0]["endpoint"] = endpoint
    assert read_trust(json.dumps(document).encode()).members[0].endpoint == endpoint


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [("soap", "https://bank.example/soap"), ("sftp", "sftp://ceg@files.bank.example:2222/credit/exchange"), ("mailbox", "")],
)
def test_read_trust_when_channel_and_endpoint_fit_then_accepts(channel: str, endpoint: str) -> None:
    document = json.loads(json.dumps(GOOD))
    document["members"][0].update(channel=channel, endpoint=endpoint)
    read = read_trust(json.dumps(document).encode())
    assert (read.members[0].channel, read.members[0].endpoint) == (channel, endpoint)
    assert read_trust(write_trust(read)) == read


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("soap", ""), ("sftp", ""), ("sftp", "https://bank.example/"), ("push", "sftp://ceg@h/x"), ("soap", "sftp://ceg@h/x"),
        ("sftp", "sftp://h/x"), ("sftp", "sftp://ceg@h"), ("sftp", "sftp://ceg@h/../x"), ("sftp", "sftp://ceg:pw@h/x"),
        ("sftp", "sftp://-oProxyCommand@h/x"),
    ],
)  # fmt: skip
def test_read_trust_when_channel_and_endpoint_do_not_fit_then_refused(channel: str, endpoint: str) -> None:
    document = json.loads(json.dumps(GOOD))
    document["members"][0].update(channel=channel, endpoint=endpoint)
    with pytest.raises(TrustError) as told:
        read_trust(json.dumps(document).encode())
    assert {problem.path for problem in told.value.problems} == {"$.members[0].endpoint"}
