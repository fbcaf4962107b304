"""Rule versions for people: what is about to be signed, what came of it, what there is."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

import typer
from rich.console import Console

from gateway.cli.catalogue_words import draw_problems
from gateway.cli.exits import ExitCode
from gateway.cli.rule_trial import Tried
from gateway.cli.screen import Screen, facts, table
from gateway.errors import Problem
from gateway.recognition.reviews import WARN_DAYS
from gateway.recognition.rules import RuleSet
from gateway.recognition.simulate import Simulation

SHOWN_MAX: Final = 50
STATES: Final = {
    "tested": "待批准 waits for approvals", "approved": "已批准 approved", "published": "已发布 published", "expired": "已失效 expired",
    "withdrawn": "已撤回 withdrawn",
}  # fmt: skip


def stop_at(screen: Screen, findings: Sequence[Problem]) -> None:
    """End the command where the lint found something, telling all of it."""
    if findings:
        problems = [{"path": each.path, "code": each.code, "zh": each.zh, "en": each.en} for each in findings]
        screen.emit({"valid": False, "problems": problems}, lambda console: draw_problems(console, tuple(findings)))
        raise typer.Exit(ExitCode.FINDINGS)


def head_of_file(rules: RuleSet, data: bytes) -> dict[str, str]:
    """What a file says of itself."""
    return {
        "规则集 Set": f"{rules.id}({rules.zh})",
        "版本 Version": rules.version,
        "接收行 Accepting": rules.accepting,
        "生效 Effective": str(rules.effective),
        "复审 Review": str(rules.review),
        "规则数 Rules": str(len(rules.rules)),
        "摘要 Digest": sha256(data).hexdigest(),
    }


def head_of_entry(found: dict[str, Any]) -> dict[str, str]:
    return {
        "规则集 Set": found["id"],
        "版本 Version": found["version"],
        "接收行 Accepting": found["accepting"],
        "生效 Effective": found["effective"],
        "复审 Review": found["review"],
        "状态 State": STATES[found["state"]],
        "摘要 Digest": found["digest"],
    }


def draw_plan(console: Console, plan: dict[str, Any]) -> None:
    """An act before and after it is sent."""
    result = plan["code"] or (str(plan["status"]) if plan["sent"] else "未发 not sent")
    rows = [("动作 Act", plan["act"]), *plan["head"].items(), ("结果 Result", result), ("状态 State", STATES.get(plan["state"], "-"))]
    console.print(facts([*rows, ("存证叶 Leaf", "-" if plan["leaf"] is None else str(plan["leaf"]))]))


def draw_versions(console: Console, entries: Sequence[dict[str, Any]]) -> None:
    """Every version, one a line."""
    if not entries:
        console.print("没有规则版本。 There is no version.")
        return
    shown = table("规则集 Set", "版本 Version", "接收行 Accepting", "生效 Effective", "复审 Review", "状态 State", "批准 Approved by")
    for each in entries:
        approvals = ", ".join(each["approvals"]) or "-"
        shown.add_row(
            each["id"], each["version"], each["accepting"], each["effective"], review_of(each), STATES[each["state"]], approvals
        )  # fmt: skip
    console.print(shown)


def review_of(entry: dict[str, Any]) -> str:
    """The review date, and how long there is until it where that is not long."""
    days = entry["review_in_days"]
    if days is None or days > WARN_DAYS:
        return str(entry["review"])
    return f"{entry['review']}({f'尚余 {days} 天 {days} days left' if days >= 0 else '已过 passed'})"


def trial_document(tried: Tried) -> dict[str, Any]:
    """What came of trying a clean file out, as JSON."""
    assert tried.found is not None
    paper, found = tried.paper(), tried.found
    return {
        "valid": True, "trial": {"digest": paper.trial.digest, "findings": paper.trial.findings, "simulation": paper.trial.simulation},
        "items": found.items, "gained": found.gained, "lost": found.lost, "moved": found.moved, "unchanged": found.unchanged,
        "credits_before": str(found.credits_before), "credits_after": str(found.credits_after), "dead": list(found.dead),
    }  # fmt: skip


def draw_tried(console: Console, tried: Tried) -> None:
    """The same for people."""
    told = trial_document(tried)
    changes = f"增加 gained {told['gained']},减少 lost {told['lost']},改认他课 moved {told['moved']}"
    rows = [
        ("检查 Lint", "没有问题 nothing found"),
        ("试算 Simulation", f"{told['items']} 项 items:{changes}"),
        ("学分 Credits", f"{told['credits_before']} → {told['credits_after']}"),
        ("文件摘要 Digest", told["trial"]["digest"]),
        ("报告摘要 Report", told["trial"]["simulation"]),
    ]
    console.print(facts(rows))


def draw_simulation(console: Console, found: Simulation) -> None:
    """Counts, the first changed items, and what is wrong with the draft."""
    console.print(f"成果 items {found.items},转移 transfers {found.transfers}:不变 unchanged {found.unchanged},")
    console.print(f"增加 gained {found.gained},减少 lost {found.lost},改认他课 moved {found.moved}")
    console.print(f"学分 credits {found.credits_before} → {found.credits_after}")
    lines = table("转移 transfer", "记录 record", "之前 before", "之后 after", "规则 rule")
    for each in found.changes[:SHOWN_MAX]:
        rules = f"{each.rule_before or '–'} → {each.rule_after or '–'}"
        lines.add_row(each.transfer, each.record, str(each.credits_before), str(each.credits_after), rules)
    if found.changes:
        console.print(lines)
    for name in found.dead:
        console.print(f"用不到的规则 dead rule: {name}")
    for clash in found.conflicts:
        console.print(f"相互矛盾 conflict: {clash.rules[0]} / {clash.rules[1]} ({clash.items})")
    for gap in found.gaps[:SHOWN_MAX]:
        console.print(f"没有规则 no rule: {gap.kind} {gap.title} ({gap.items})")
