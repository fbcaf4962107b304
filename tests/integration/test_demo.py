"""The demonstration itself: it adds up, its export convinces a stranger, and a changed byte does not pass."""

import asyncio
import base64
import json
import random
from pathlib import Path
from typing import Any

import pytest
from support.folders import metric

from gateway.client.receipts import Judge
from gateway.crypto.digests import salted_digest
from gateway.crypto.keys import VerifyKey
from gateway.federation.envelope import open_envelope
from gateway.federation.registry import TrustFile
from gateway.model.canonical import unb64url
from gateway.simulator.demo import DemoResult, run_demo
from gateway.simulator.live import running
from gateway.simulator.people import ANHUI, MEMBERS
from gateway.transferlog.audit import audit_folder
from gateway.transferlog.checkpoint import open_checkpoint
from gateway.transferlog.leaf import parse_leaf
from gateway.transferlog.proof import verify_receipt_proof
from gateway.transfers.finality import verifiers_of
from gateway.verifier.verify import verify_bundle


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoResult, Path, list[int]]:
    folder = tmp_path_factory.mktemp("demo")
    seen: list[tuple[int, int]] = []
    result = asyncio.run(run_demo(folder / "sandbox", lambda done, total, _zh, _en: seen.append((done, total)), 11, folder / "saved"))
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))
    return result, folder / "saved", [total for _, total in seen]


def test_demo_when_played_then_everything_adds_up(played: tuple[DemoResult, Path, list[int]]) -> None:
    result, _, _ = played
    document = result.document
    assert result.wrong == ()
    assert list(document) == [
        "ready_s", "pairs", "transfers", "credits", "receipts", "transfer_log", "refused_inputs", "quarantined_rows",
    ]  # fmt: skip
    transfers = document["transfers"]
    assert document["pairs"] == 12
    assert transfers["open"] == 0
    assert transfers["submitted"] == sum(count for name, count in transfers.items() if name != "submitted")
    assert min(transfers["settled"], transfers["rejected"], transfers["withdrawn"]) >= 1
    assert document["credits"]["pending"] == "0"
    assert document["receipts"]["issued"] == document["receipts"]["verified"] > 90
    assert document["transfer_log"]["verified"] is True
    assert document["transfer_log"]["final"] is True
    assert document["quarantined_rows"] == 1
    assert document["refused_inputs"]["transfer.nothing_left"] == 1
    assert len(document["refused_inputs"]) == 17
    assert document["ready_s"] <= 15


def test_anhui_when_played_then_it_spoke_in_files_and_its_exchange_folder_is_clear(played: tuple[DemoResult, Path, list[int]]) -> None:
    result, saved, _ = played
    assert result.addresses[ANHUI].startswith("sftp://")
    found = {state: metric("ceg_file_messages_total", member=ANHUI, result=state) for state in ("done", "refused")}
    assert found["done"] > 15
    exchange = saved.parent / "sandbox" / "banks" / ANHUI / "root" / "exchange"
    assert {path.name for path in exchange.iterdir()} == {"to-gateway", "from-gateway"}
    assert [path for path in exchange.rglob("*") if path.is_file()] == []


def test_story_when_told_then_explains_why_3_5_became_3_0_and_names_the_winner(played: tuple[DemoResult, Path, list[int]]) -> None:
    result, _, _ = played
    told = "\n".join(line.zh for line in result.story)
    english = "\n".join(line.en for line in result.story)
    assert "min(3.5, 3.375) = 3.375" in told
    assert "向下取整到 0.5:3.375 → 3.0" in told
    assert "按规则集 demo-kj 版本 " in told
    assert "3.5 学分成为 3.0 学分,因为:课程共 3.0 学分,多出的 0.5 学分不结转" in told  # Anhui's 3.5 regional credits, by a published rule
    assert "3.5 学分成为 3.0 学分,因为:按折算规则 YRD-2024.1" in told  # Jiangsu's 3.5 declared, by its hours
    assert "依据规则 kj-management「管理学原理」(规则集 demo-kj 版本 " in told
    assert "3.5 credits became 3.0 because: the course has 3.0 credits; the surplus of 0.5 is not carried" in english
    assert "by rule kj-management (Principles of management), rule set demo-kj version " in english
    assert "争用同一成果" in told
    assert "测试" not in told  # no learner is named


def test_rules_when_published_in_the_demonstration_then_each_step_has_its_leaf_and_the_decisions_follow(
    played: tuple[DemoResult, Path, list[int]],
) -> None:
    result, saved, _ = played
    bundles = [json.loads(path.read_text("utf-8")) for path in (saved / "bundles").iterdir()]
    leaves = [parse_leaf(unb64url(each["leaf"])) for bundle in bundles for each in bundle["leaves"]]
    followed = [leaf.facts for leaf in leaves if leaf.type == "transfer.decided" and "estimate" in leaf.facts]
    assert len(followed) == 3
    assert all(facts["followed"] for facts in followed)
    acts = [line.en for line in result.story if "receipt verified)" in line.en and line.level == 1 and "now " in line.en]
    assert [line.partition(":")[0] for line in acts] == ["Zhejiang", "Jiangsu", "Shanghai", "Zhejiang"]
    assert [line.partition("now ")[2].partition(" ")[0] for line in acts] == ["tested", "tested", "approved", "published"]


def test_log_when_played_then_each_bank_mirrored_and_cosigned_all_of_it(played: tuple[DemoResult, Path, list[int]]) -> None:
    result, saved, _ = played
    trust = trust_of(saved)
    size = result.document["transfer_log"]["size"]
    head = open_checkpoint((saved / "log" / "checkpoint").read_text("utf-8"), verifiers_of(trust), cosigners_min=3)
    assert head.size == size
    for member in MEMBERS:
        mirror = saved.parent / "sandbox" / "banks" / f"{member}-witness"
        report = audit_folder(lambda path, mirror=mirror: (mirror / path).read_bytes(), Judge(trust).verifiers)
        assert report.ok
        assert report.size <= size
    assert any(line.zh.startswith(f"存证日志共 {size} 叶") for line in result.story)


def trust_of(saved: Path) -> TrustFile:
    pinned = VerifyKey.from_jwk(json.loads((saved / "registry.jwk.json").read_text("ascii")))
    return TrustFile.load((saved / "trust.json").read_bytes(), (saved / "trust.json.sig").read_text("ascii"), [pinned])


def test_saved_log_when_audited_from_files_then_good_and_a_flipped_byte_is_named(played: tuple[DemoResult, Path, list[int]]) -> None:
    result, saved, _ = played
    verifiers = Judge(trust_of(saved)).verifiers

    def read(path: str) -> bytes:
        return (saved / "log" / path).read_bytes()

    report = audit_folder(read, verifiers)
    assert report.ok
    assert report.leaves == result.document["transfer_log"]["size"]
    entries = next(path for path in (saved / "log" / "tile" / "entries").rglob("*") if path.is_file())

    def spoiled(path: str) -> bytes:
        data = read(path)
        return data if not str(entries).endswith(path) else data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]

    assert not audit_folder(spoiled, verifiers).ok


def test_trust_file_when_saved_then_each_key_has_its_place_in_the_log(played: tuple[DemoResult, Path, list[int]]) -> None:
    _, saved, _ = played
    trust = trust_of(saved)
    records = [*trust.data.gateway.keys, *(key for member in trust.data.members for key in member.keys)]
    assert len(records) == 5
    assert all(record.log_from is not None for record in records)


def test_bundles_when_opened_then_every_signature_digest_and_proof_holds(played: tuple[DemoResult, Path, list[int]]) -> None:
    result, saved, _ = played
    trust = trust_of(saved)
    bundles = sorted((saved / "bundles").iterdir())
    assert len(bundles) == result.document["transfers"]["settled"]
    for path in bundles:
        bundle = json.loads(path.read_text("utf-8"))
        assert path.stem == bundle["transfer"]
        for leaf in bundle["leaves"]:
            verify_receipt_proof(unb64url(leaf["leaf"]), leaf["proof"], Judge(trust).verifiers)
        leaves = [parse_leaf(unb64url(leaf["leaf"])) for leaf in bundle["leaves"]]
        envelopes = {(leaf.iss, leaf.jti): leaf.envelope for leaf in leaves if leaf.envelope}
        acts = {check(trust, message, envelopes[message["iss"], message["jti"]]) for message in bundle["messages"]}
        assert {"request", "acknowledge", "decide"} <= acts
        report = verify_bundle(path.read_bytes(), trust)
        assert (report.findings, report.final) == ([], True)


async def test_sandbox_when_started_again_in_its_folder_then_keeps_keys_and_log_and_issues_the_next_trust_file(tmp_path: Path) -> None:
    async with running(tmp_path, random.Random(1)) as first:
        kids = {member: key.kid for member, key in first.files.bank_keys.items()}
        size, _ = await first.gateway.ledger.head()
    async with running(tmp_path, random.Random(1)) as second:
        assert {member: key.kid for member, key in second.files.bank_keys.items()} == kids
        assert second.files.trust.data.serial == 2
        assert (await second.gateway.ledger.head())[0] == size


def check(trust: TrustFile, message: dict[str, Any], token: str) -> str:
    """Every content of the message is what its envelope, as the leaf has it, names."""
    envelope = open_envelope(token, keys=trust.finder(trust.data.issued_at))
    assert (envelope.iss, envelope.jti) == (message["iss"], message["jti"])
    for content in message["contents"]:
        assert envelope.sd(content["name"]) == salted_digest(unb64url(content["secret"]), base64.b64decode(content["data"]))
    return envelope.act
