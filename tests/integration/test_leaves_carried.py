"""What a case or a notice says of the log: its last leaf and every earlier one that holds an envelope it brings along.  PR-99."""

import base64
import json
from pathlib import Path
from typing import Any

from support.auditor import log_verifier
from support.region import World, region
from support.stages import ACCEPTING, SOURCE, owed, stage

from gateway.model.transfer import State
from gateway.transferlog.checkpoint import Checkpoint
from gateway.transferlog.leaf import Leaf, parse_leaf
from gateway.transferlog.proof import parse_proof, verify_receipt_proof


def proven(world: World, told: dict[str, Any]) -> tuple[Leaf, int, Checkpoint]:
    raw = base64.b64decode(told["leaf"])
    return parse_leaf(raw), parse_proof(told["proof"]).index, verify_receipt_proof(raw, told["proof"], [log_verifier(world.trust)])


def check(world: World, told: dict[str, Any], tokens: set[str], earlier: list[str]) -> None:
    """The leaves before the last one are of these types, proven at one checkpoint, and hold each envelope once."""
    last, place, head = proven(world, told)
    found = [proven(world, each) for each in told["leaves"]]
    assert [leaf.type for leaf, _, _ in found] == earlier
    assert {seen for *_, seen in found} <= {head}
    assert [index for _, index, _ in found] == sorted(index for _, index, _ in found)
    assert place not in [index for _, index, _ in found]
    held = [leaf.envelope for leaf in (*(leaf for leaf, *_ in found), last) if leaf.envelope in tokens]
    assert sorted(held) == sorted(tokens)
    assert {leaf.scope for leaf, *_ in found} <= {last.scope}


async def test_case_when_forwarded_again_then_brings_the_leaf_of_every_envelope_it_carries(tmp_path: Path) -> None:  # PR-99
    async with region(tmp_path) as world:
        case = await stage(world, State.DELIVERING, pulled=True)
        told = json.loads((await owed(case, ACCEPTING, "forward")).contents["case"])
        check(world, told, set(told["envelopes"].values()), ["transfer.requested"])
        asked = await stage(world, State.SUPPLEMENTING)
        await asked.do(SOURCE, "supplement")
        told = json.loads((await owed(asked, ACCEPTING, "forward")).contents["case"])
        assert len(told["envelopes"]) == 4  # request, acknowledgement, question, answer
        check(world, told, set(told["envelopes"].values()), ["transfer.requested", "transfer.delivered", "transfer.asked"])


async def test_notice_when_built_after_a_later_act_then_brings_the_decisions_own_leaf(tmp_path: Path) -> None:  # PR-99
    async with region(tmp_path) as world:
        fresh = await stage(world, State.POSTING)
        told = json.loads((await owed(fresh, SOURCE, "notify")).contents["notice"])
        check(world, told, {told["envelope"]}, [])
        case = await stage(world, State.REVIEWING)
        await case.do(ACCEPTING, "decide")
        await case.do(ACCEPTING, "posted")
        told = json.loads((await owed(case, SOURCE, "notify")).contents["notice"])
        check(world, told, {told["envelope"]}, ["transfer.decided"])
