"""What happened, told to a person: who sent what, whose turn it was, what came of it, and why 3.5 became 3.0.

Told from what is stored, after the fact; Chinese first.  Learners are made up, and still never named.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.adapters.part_manifest import read_manifest
from gateway.crypto.digests import salted_digest
from gateway.federation.message import Content
from gateway.mapping.engine import Mapper, size_of
from gateway.mapping.policy import steps
from gateway.model.local import PartManifest
from gateway.model.regional import RegionalRecord
from gateway.recognition.proposal import CONTENT as PROPOSAL
from gateway.recognition.proposal import Proposal, read_proposal
from gateway.simulator.live import Sandbox
from gateway.simulator.sandbox import BANK_NAMES, REGIONS
from gateway.transferlog.leaf import Leaf, parse_leaf

STATES: Mapping[str, str] = {
    "settled": "已结案", "rejected": "未受理", "withdrawn": "已撤回", "expired": "已逾期", "recalled": "已召回",
    "confirming": "待证实", "delivering": "递送中", "reviewing": "认定中", "posting": "入账中", "held": "暂挂", "disputed": "争议中",
}  # fmt: skip
ITEM_STATES: Mapping[str, str] = {"recognised": "认定", "refused": "不予认定", "closed": "已关闭", "claimed": "待定"}
ACTS: Mapping[str, tuple[str, str]] = {
    "transfer.requested": ("申请", "request"),
    "transfer.confirmed": ("转出行证实", "confirmed by the source"),
    "transfer.delivered": ("接收行签收", "taken by the accepting bank"),
    "transfer.decided": ("认定", "decided"),
    "transfer.posted": ("入账", "booked"),
    "transfer.settled": ("结案", "settled"),
    "transfer.withdrawn": ("撤回", "withdrawn"),
    "transfer.rejected": ("未受理", "rejected"),
    "transfer.refused": ("一次被拒绝的操作", "an act refused"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story; `level` 0 is a heading, 1 below it, 2 below that.  `by_rules`: what published rules made of an item."""

    zh: str
    en: str
    level: int = 0
    by_rules: bool = False


Stored: TypeAlias = Mapping[tuple[str, str, str], Content]
"""A transfer's contents by `(iss, jti, name)`."""


def short(member: str) -> tuple[str, str]:
    """The bank's place, in both languages."""
    return BANK_NAMES[member].zh[:2], REGIONS[member].capitalize()


async def tell(sandbox: Sandbox, transfer: str, leaves: Sequence[bytes], verified: Collection[int]) -> list[Line]:
    """A transfer from request to end.  `verified` are the log indices of receipts that were verified."""
    case = await sandbox.gateway.parts.status.show(transfer, "")
    source, accepting, facing = (short(case[role]) for role in ("source", "accepting", "facing"))
    pushed = case["facing"] == case["source"]
    way = ("转出行推送", "pushed by the source bank") if pushed else (f"{facing[0]}受理后向转出行调取", "pulled from the source bank")
    lines = [
        Line(
            f"{source[0]} → {accepting[0]}({way[0]}):{STATES[case['state']]}",
            f"{source[1]} to {accepting[1]} ({way[1]}): {case['state']}",
        )
    ]
    stored = await sandbox.gateway.receiver.vault.all_of(transfer)
    reasons, estimate = _reasons(sandbox, stored, case["source"]), _estimate(stored, case["steps"])
    for item in case["items"]:
        lines.append(_item(item))
        working = reasons.get(item["record"], [])
        lines += [Line(zh, en, 2) for zh, en in working]
        if estimate is not None and item["record"] in estimate.items:
            lines += _by_rules(estimate, item["record"], working)
    lines += [_step(index, parse_leaf(raw), verified) for index, raw in enumerate(leaves) if parse_leaf(raw).scope == transfer]
    return lines


def _item(item: Mapping[str, Any]) -> Line:
    size = item["credits"] if item["credits"] is not None else None
    zh_size, en_size = (f"区域学分 {size}", f"{size} regional credits") if size else ("无区域学分", "no regional credits")
    awarded = f",入账 {item['awarded']}" if "awarded" in item else ""
    en_awarded = f", {item['awarded']} awarded" if "awarded" in item else ""
    reason = f"({item['reason']})" if item.get("reason") else ""
    return Line(
        f"{item['record']}:{zh_size},{ITEM_STATES[item['state']]}{awarded}{reason}",
        f"{item['record']}: {en_size}, {item['state']}{en_awarded} {reason}".rstrip(),
        1,
    )


def _step(index: int, leaf: Leaf, verified: Collection[int]) -> Line:
    zh, en = ACTS.get(leaf.type, (leaf.type, leaf.type))
    who = leaf.actor or leaf.iss
    zh_who, en_who = short(who) if who in REGIONS else (who, who)
    checked = index in verified
    zh_mark, en_mark = (",回执已核验", ", receipt verified") if checked else ("", "")
    return Line(f"存证 #{index} {zh_who} {zh}{zh_mark}", f"leaf {index}: {en_who}, {en}{en_mark}", 1)


def _reasons(sandbox: Sandbox, stored: Stored, source: str) -> dict[str, list[tuple[str, str]]]:
    """Record id → the working that gave its regional credits, step by step, where it had any."""
    part = next((content for (_, _, name), content in stored.items() if name == "part"), None)
    if part is None:
        return {}
    manifest = next((read_manifest(content.data) for (_, _, name), content in stored.items() if name == "manifest"), PartManifest())
    mapper = sandbox.tools.mapper
    mapped = mapper.to_regional(sandbox.tools.regions[REGIONS[source]].parse(part.data, manifest), source)
    return {record.record_id: working(mapper, REGIONS[source], record) for record in mapped.part.records if record.credits is not None}


def _estimate(stored: Stored, steps: Sequence[Mapping[str, Any]]) -> Proposal | None:
    """The estimate that the decision's leaf names and says it followed."""
    named = [step["facts"].get("estimate") for step in steps if step["type"] == "transfer.decided" and step["facts"].get("followed")]
    found = [each for (_, _, name), each in stored.items() if name == PROPOSAL and salted_digest(each.secret, each.data) in named]
    return read_proposal(found[-1].data) if found else None


def _by_rules(estimate: Proposal, record: str, told: Collection[tuple[str, str]]) -> list[Line]:
    """What the accepting bank's published rules made of one record, and why: the one sentence, then the steps not told yet."""
    item, (rules, version) = estimate.items[record], estimate.rules
    head = Line(
        f"按规则集 {rules} 版本 {version} 测算,认定从之:{item.words.zh}",
        f"estimate by rule set {rules} version {version}, which the decision follows: {item.words.en}",
        2,
        by_rules=True,
    )
    why = next(each["why"] for each in estimate.estimate["items"] if each["record"] == record)
    steps = [Line(each["zh"], each["en"], 2) for each in why if (each["zh"], each["en"]) not in told]
    return [head, *(line for line in steps if line.zh not in head.zh)]


def working(mapper: Mapper, region: str, record: RegionalRecord) -> list[tuple[str, str]]:
    """Why this record has the regional credits it has."""
    policy = mapper.policies.by_id[mapper.ruleset(region).policy]
    found = mapper.policies.work(policy.id, str(record.values["kind"]), *size_of(record.values))
    return list(zip(steps(found, policy, "zh"), steps(found, policy, "en"), strict=True))
