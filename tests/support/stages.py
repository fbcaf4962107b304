"""A case brought to each state: by the acts themselves as far as they reach, past that by setting the row."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.auditor import set_row, shanghai_part
from support.region import Heard, Message, Owed, World, acknowledgement, decision, posting, take

from gateway.mapping.documents import write
from gateway.model.documents import Confirmation, ConfirmationItem, Verdict, Withdrawal
from gateway.model.transfer import State

SOURCE, ACCEPTING, STRANGER = "CN-31", "CN-32", "CN-34"
NATURAL = {
    State.CONFIRMING: "confirming",
    State.DELIVERING: "delivering",
    State.REVIEWING: "reviewing",
    State.DISPUTED: "reviewing",
    State.SUPPLEMENTING: "reviewing",
    State.POSTING: "posting",
    State.SETTLED: "posting",
    State.RECALLED: "posting",
    State.HELD: "delivering",
    State.REJECTED: "delivering",
    State.WITHDRAWN: "delivering",
    State.EXPIRED: "delivering",
}
"""How far the acts are really done before the row is set to the state asked for."""


@dataclass
class Stage:
    """One case and what its banks hold in hand."""

    world: World
    transfer: str
    records: tuple[str, ...]
    ver: int = 0
    jtis: dict[str, str] = field(default_factory=dict)
    sds: dict[str, str] = field(default_factory=dict)
    mapping: Sequence[str] = ()

    @property
    def facing(self) -> str:
        return ACCEPTING if self.jtis.get("pulled") else SOURCE

    def message(self, iss: str, act: str, **changes: Any) -> Message:
        """The act as a party that gets everything right would send it now."""
        contents, claims = ACTS.get(act, _plain)(self)
        return self.world.message(iss, act, contents, **({"scp": self.transfer, **claims} | changes))


def _plain(stage: Stage) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    return [("note", b"<note/>")], {"ver": stage.ver}


def _withdrawal(name: str) -> Callable[[Stage], tuple[list[tuple[str, bytes]], dict[str, Any]]]:
    def made(stage: Stage) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
        return [(name, write(Withdrawal("other", "撤回")))], {"irt": stage.jtis.get("fetch")}

    return made


def _confirm(stage: Stage) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    items = tuple(ConfirmationItem(record) for record in stage.records)
    contents = [("confirmation", write(Confirmation("100238845511", items))), ("part", shanghai_part(*stage.records))]
    return contents, {"irt": stage.jtis.get("fetch"), "same_person": stage.sds["identity"]}


def _decide(stage: Stage) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    first, *others = stage.records
    verdicts = {first: (Verdict.RECOGNISED, "3.0")} | dict.fromkeys(others, (Verdict.REFUSED, "0"))
    claims = {"ver": stage.ver, "delivered": stage.sds.get("local", "0" * 64), "part": stage.sds.get("part", "0" * 64)}
    return decision(stage.world, verdicts), claims | {"mapping": list(stage.mapping) or ["none", "0"]}


def _posted(stage: Stage) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    return posting(stage.world, stage.records[0]), {"posture": "done", "irt": stage.jtis.get("notice")}


def _acknowledge(stage: Stage) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    return acknowledgement(stage.world), {"posture": "account", "irt": stage.jtis.get("forward")}


def _dummies(*names: str) -> Callable[[Stage], tuple[list[tuple[str, bytes]], dict[str, Any]]]:
    return lambda _stage: ([(name, b"<x/>") for name in names], {})


ACTS = {
    "confirm": _confirm,
    "decline": _withdrawal("refusal"),
    "acknowledge": _acknowledge,
    "decide": _decide,
    "posted": _posted,
    "withdraw": _withdrawal("withdrawal"),
    "forward": _dummies("case", "request", "identity", "consent"),
    "notify": _dummies("notice"),
    "fetch": _dummies("case", "request", "identity", "consent-source"),
    "refusal": _dummies("refusal"),
    "noted": _dummies(),
    "collect": _dummies(),
}


async def stage(world: World, state: State, *, pulled: bool = False, decided: bool = False) -> Stage:
    """A fresh case in `state`.  `decided`: held, but after its decision."""
    records = tuple(f"SHC{world.ids.chance.randrange(10**11):011d}" for _ in range(2))
    opened = world.request(SOURCE, ACCEPTING, records, None if pulled else shanghai_part(*records))
    heard = await world.send(opened)
    assert heard.status == 202, heard.body
    made = Stage(world, heard.body["transfer"], records, heard.body["ver"], sds={"identity": opened.sd("identity")})
    target = "posting" if decided else NATURAL[state]
    await _advance(made, target, pulled=pulled)
    if made.jtis["state"] != state:
        await set_row(world, made.transfer, state=state.value)
    return made


async def _advance(made: Stage, target: str, *, pulled: bool) -> None:
    """Confirm, acknowledge, decide, as far as `target`."""
    made.jtis["state"] = "delivering"
    if pulled:
        made.jtis |= {"pulled": "yes", "state": "confirming", "fetch": (await owed(made, SOURCE, "fetch")).jti}
        if target == "confirming":
            return
        await _do(made, SOURCE, "confirm")
    if target == "confirming":
        return
    forward = await owed(made, ACCEPTING, "forward")
    made.jtis["forward"] = forward.jti
    made.sds |= {"local": forward.sd["local"], "part": forward.sd["part"]}
    made.mapping = json.loads(forward.contents["case"])["mapping"]
    if target == "delivering":
        return
    await _do(made, ACCEPTING, "acknowledge")
    if target == "reviewing":
        return
    decided = await _do(made, ACCEPTING, "decide")
    made.jtis["decision"] = decided.body["jti"]
    made.jtis["notice"] = (await owed(made, SOURCE, "notify")).jti


async def _do(made: Stage, iss: str, act: str) -> Heard:
    heard = await made.world.send(made.message(iss, act))
    assert heard.status == 200, heard.body
    made.ver, made.jtis["state"] = heard.body["ver"], heard.body["state"]
    return heard


async def owed(made: Stage, member: str, act: str) -> Owed:
    return next(each for each in await take(made.world, member) if each.transfer == made.transfer and each.act == act)
