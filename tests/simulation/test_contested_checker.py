"""The checker of outcomes knows a contest: two may claim where a leaf says so, nobody is recognised before the ruling, nor while two do."""

from hashlib import sha256
from typing import Any

import pytest
from support.region import START, trust_data

from gateway.federation.registry import TrustFile
from gateway.mapping.schema import Standard
from gateway.simulator.checkers import no_outcome_twice
from gateway.simulator.reckoning import Export
from gateway.simulator.testimony import Evidence
from gateway.system import data_folder
from gateway.transferlog.audit import AuditReport
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.transferlog.leaf_form import at_text

NF = sha256(b"nf").hexdigest()
SIGNED: dict[str, Any] = {
    "actor": "CN-33", "role": "presiding", "kid": "k" * 43, "envelope": "aGVhZA.Y2xhaW1z.c2ln", "answer": sha256(b"a").hexdigest(),
    "status": 200,
}  # fmt: skip


def leaf(at: int, case: str, state: str, *, contested: bool) -> bytes:
    made = Leaf(
        "transfer.late", at_text(START), sha256(case.encode()).hexdigest(), at, "CN-31", f"j{at}", state_before="reviewing",
        state_after="reviewing", ver=1, items=((sha256(case.encode()).hexdigest(), NF, state),),
        facts={"contested": int(contested)} if contested else {}, **SIGNED,
    )  # fmt: skip
    return leaf_bytes(made)


def ruling(at: int) -> bytes:
    return leaf_bytes(Leaf("outcome.cleared", at_text(START), NF, at, "CN-33", f"j{at}", **SIGNED))


def evidence(*steps: tuple[Any, ...]) -> Evidence:
    leaves = [ruling(at) if step[0] == "ruling" else leaf(at, step[0], step[1], contested=len(step) > 2) for at, step in enumerate(steps)]
    export = Export({}, leaves, AuditReport(len(leaves)), TrustFile(trust_data()))
    return Evidence({}, {}, export, Standard(data_folder("standards")), [], [], [], b"", [], START)


CONTEST = (("a", "claimed"), ("b", "claimed", True), ("a", "claimed", True))
RULING = ("ruling",)


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        (CONTEST, 0),
        ((*CONTEST, RULING, ("b", "closed"), ("a", "recognised")), 0),
        ((("a", "recognised"), ("b", "claimed", True), ("a", "recognised", True), RULING, ("a", "recalling"), ("a", "recalled"),
          ("b", "claimed"), ("b", "recognised")), 0),
        ((("a", "claimed"), ("b", "claimed")), 1),
        ((*CONTEST, ("a", "recognised", True)), 1),
        ((*CONTEST, ("b", "closed"), ("a", "recognised")), 1),
        ((*CONTEST, RULING, ("a", "recognised")), 1),
    ],
)  # fmt: skip
def test_outcomes_when_contested_then_the_checker_tells_right_from_wrong(steps: tuple[tuple[Any, ...], ...], wrong: int) -> None:
    assert len(no_outcome_twice(evidence(*steps))) == wrong
