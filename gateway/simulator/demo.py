"""The demonstration: every pair of banks, everything that can go well or badly, and the sums at the end.

Nothing is staged: the gateway is the one `ceg serve` runs, the banks speak to it over HTTP, and the
numbers of the result are read from their databases and from the exported log.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.client.cases import answer_body
from gateway.errors import PeerError
from gateway.simulator.evidence import save
from gateway.simulator.live import Sandbox, running
from gateway.simulator.people import ANHUI, JIANGSU, SHANGHAI, ZHEJIANG
from gateway.simulator.reckoning import (
    all_quiet,
    count_transfers,
    export_log,
    receipts_of,
    sum_credits,
    transfers_of,
    what_does_not_add_up,
)
from gateway.simulator.script import FIRST, Progress, Script
from gateway.simulator.story import Line, short, tell
from gateway.transferlog.leaf import parse_leaf
from gateway.web.pages.sandbox_door import Switches

LEFT_FROM = 900
"""Number of the first learner whose case is left to people: none of the played ones."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """`document` is what `--json` prints; `story` is for people; `wrong` lists whatever does not add up (nothing, one hopes)."""

    document: dict[str, Any]
    story: tuple[Line, ...]
    wrong: tuple[str, ...]
    addresses: Mapping[str, str]


async def run_demo(folder: Path, progress: Progress, seed: int, save_to: Path | None = None) -> DemoResult:
    """Start a region in `folder`, play everything, check everything, stop.  Raises GatewayError when something does not go as it must."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with running(folder, random.Random(seed)) as sandbox:  # noqa: S311 (a script to be repeated)
        ready = loop.time() - started
        return await play(sandbox, progress, ready, save_to)


async def play(sandbox: Sandbox, progress: Progress, ready_s: float, save_to: Path | None = None) -> DemoResult:
    """The script on a running sandbox (for `--keep`, which leaves it running afterwards)."""
    script = Script(sandbox, progress)
    await script.rules()
    await script.every_pair()
    await script.damaged_row()
    await script.unhappy_ends()
    await script.race()
    await script.withdrawal()
    await script.until(lambda: script.stands(script.opened[FIRST][1].scope, "settled"), "the first case")
    await script.duplicate()
    await script.bad_inputs()
    await script.no_agreement()
    await script.until(lambda: all_quiet(sandbox), "everything to be settled")
    script.step("全部办结", "everything is settled")
    await script.until(lambda: _last_is_final(sandbox), "the witnesses to cosign the last leaf")
    script.step("最后一叶已见证", "the last leaf is final")
    return await _reckon(script, ready_s, save_to)


async def leave_to_people(sandbox: Sandbox) -> None:
    """For `--keep`, when everything was played: cases with estimates lie before Zhejiang's people, to be decided on its console.

    And one is stuck.
    """
    await Script(sandbox, lambda *_: None, LEFT_FROM).left_to_people(ZHEJIANG)
    await leave_one_stuck(sandbox)


async def leave_one_stuck(sandbox: Sandbox) -> str:
    """A case that Anhui's bank does not take, away for as long as its switch on the sandbox's page is on; the case's id.

    From Jiangsu: the story ends with the agreement of Shanghai and Anhui suspended.
    """
    await sandbox.desk.turn(ANHUI, Switches(down=True))
    return await sandbox.desk.send(JIANGSU, ANHUI)


async def _reckon(script: Script, ready_s: float, save_to: Path | None) -> DemoResult:
    sandbox = script.sandbox
    rows = await transfers_of(sandbox.gateway)
    export = await export_log(sandbox.gateway, sandbox.connectors[SHANGHAI].trust)
    receipts = await receipts_of(sandbox, export.trust)
    script.step("存证日志与回执已核验", "log and receipts verified")
    proven = set(receipts.leaves) | script.prober.leaves
    acts = {index for index, raw in enumerate(export.leaves) if parse_leaf(raw).answer}
    signed = receipts.signed + script.prober.signed
    lost = await _lost_races(script)
    for code in lost:
        script.refused[code] += 1
    document = {
        "ready_s": round(ready_s, 2),
        "pairs": len({(row["source"], row["accepting"]) for row in rows}),
        "transfers": count_transfers(rows),
        "credits": sum_credits(rows),
        "receipts": {"issued": len(acts) + signed + receipts.unproven, "verified": len(proven & acts) + signed},
        "transfer_log": {
            "size": export.report.size,
            "verified": export.report.ok,
            "final": await sandbox.gateway.finality.size() >= export.report.size,
        },
        "refused_inputs": dict(sorted(script.refused.items())),
        "quarantined_rows": await _quarantined(script),
    }
    story = []
    for row in reversed(rows):
        story += await tell(sandbox, row["transfer"], export.leaves, proven)
    if save_to is not None:
        await save(sandbox, export, [row["transfer"] for row in rows if row["state"] == "settled"], save_to)
    wrong = what_does_not_add_up(document, rows, export, sandbox)
    return DemoResult(document, (*story, *script.story, _witnessed(sandbox, document)), tuple(wrong), sandbox.addresses)


async def _last_is_final(sandbox: Sandbox) -> bool:
    size, _ = await sandbox.gateway.ledger.head()
    return await sandbox.gateway.finality.size() >= size


def _witnessed(sandbox: Sandbox, document: Mapping[str, Any]) -> Line:
    size, quorum = document["transfer_log"]["size"], sandbox.files.trust.data.gateway.witness_quorum
    cosigned = sum(witness.held.size >= size for witness in sandbox.witnesses.values())
    return Line(
        f"存证日志共 {size} 叶:{cosigned} 家成员行已见证,至少须 {quorum} 家",
        f"{size} leaves in the transfer log: cosigned by {cosigned} member banks, {quorum} are needed",
    )


async def _lost_races(script: Script) -> list[str]:
    """Requests refused because another transfer holds the outcome: exactly one, and it names the winner's leaf."""
    lost = []
    for scene in ("race-1", "race-2"):
        member, message = script.opened[scene]
        row = await script.sandbox.connectors[member].store.message(message.jti)
        assert row is not None
        if row.state == "refused":
            lost.append(row.last_error)
            script.story.append(_loser(member, row.answer or b"{}"))
    if len(lost) != 1:
        raise PeerError("peer.off_protocol", "同一成果应恰有一方取得", f"one outcome, and {2 - len(lost)} banks got it")
    return lost


def _loser(member: str, answer: bytes) -> Line:
    problem = answer_body(answer)["problem"]
    zh, en = short(member)
    item = problem["problems"][0]
    return Line(f"争用同一成果:{zh}未取得,{item['zh']}", f"race for one outcome: {en} lost it, {item['en']}")


async def _quarantined(script: Script) -> int:
    """Damaged rows the gateway set aside, as its own receipts list them."""
    total = 0
    for connector in script.sandbox.connectors.values():
        for row in await connector.store.messages():
            body = answer_body(row.answer) if row.answer is not None else {}
            total += len(body.get("rows", {}).get("quarantined", ()))
    return total
