"""A case brought to each state by the acts themselves, or by its deadline passing: nothing is set by hand."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from support.auditor import shanghai_part
from support.region import Heard, Message, Owed, World, acknowledgement, decision, posting, take

from gateway.federation.protocol import GATEWAY_ID
from gateway.mapping.documents import write
from gateway.model.documents import Confirmation, ConfirmationItem, ConsentWithdrawal, Correction, Verdict, Withdrawal
from gateway.model.transfer import State
from gateway.storage.rows import TransferRow
from gateway.transfers.answers import Answer
from gateway.transfers.timers import Lapsed

SOURCE, ACCEPTING, STRANGER = "CN-31", "CN-32", "CN-34"
PRESIDING = "CN-33"
"""The accepting bank has its turn in the rota; it is a party, so the next one presides."""
HELD_DECIDED, JUDGED = "held after its decision", "disputed before the presiding unit"
PLACES = (*(state.value for state in State), HELD_DECIDED, JUDGED)


def place_state(place: str) -> str:
    """The state of a place, which is the first word of its name."""
    return place.split(maxsplit=1)[0]


Made: TypeAlias = tuple[list[tuple[str, bytes]], dict[str, Any]]


@dataclass
class Stage:
    """One case and what its banks hold in hand."""

    world: World
    transfer: str
    records: tuple[str, ...]
    ver: int = 0
    state: str = ""
    pulled: bool = False
    jtis: dict[str, str] = field(default_factory=dict)
    sds: dict[str, str] = field(default_factory=dict)
    mapping: Sequence[str] = ()
    proposal: bytes = b""

    @property
    def facing(self) -> str:
        return ACCEPTING if self.pulled else SOURCE

    def message(self, iss: str, act: str, **changes: Any) -> Message:
        """The act as a party that gets everything right would send it now."""
        contents, claims = ACTS.get(act, _plain)(self)
        if act == "posted" and iss == ACCEPTING and "decision" in self.jtis:
            claims["irt"] = self.jtis["decision"]
        contents = changes.pop("contents", contents)
        return self.world.message(iss, act, contents, **({"scp": self.transfer, **claims} | changes))

    async def do(self, iss: str, act: str, **changes: Any) -> Heard:
        """Send it and remember where the case stands then.  It must be taken."""
        heard = await self.world.send(self.message(iss, act, **changes))
        assert heard.status == 200, (act, heard.body)
        self.ver, self.state = heard.body["ver"], heard.body["state"]
        if act == "decide":
            self.jtis["decision"] = heard.body["jti"]
        return heard

    async def try_(self, iss: str, act: str, **changes: Any) -> Heard:
        """Send it, whatever the answer."""
        return await self.world.send(self.message(iss, act, **changes))

    async def row(self) -> TransferRow:
        rows = await self.world.gateway.database.fetch("transfers_by_id", ids=json.dumps([self.transfer]))
        return TransferRow(*rows[0])

    async def take_forward(self) -> Owed:
        forward = await owed(self, ACCEPTING, "forward")
        self.jtis["forward"] = forward.jti
        self.sds |= {"local": forward.sd["local"], "part": forward.sd["part"]}
        self.mapping = json.loads(forward.contents["case"])["mapping"]
        self.proposal = forward.contents.get("proposal", b"")
        self.sds["proposal"] = forward.sd.get("proposal", "")
        return forward

    async def noted(self, member: str, event: str) -> Owed:
        """A bank takes what is next for it in this case, up to the notice of `event`."""
        while True:
            notice = await owed(self, member, "notify")
            assert (await self.do(member, "noted", irt=notice.jti)).status == 200
            if notice.event == event:
                return notice

    async def lapse(self) -> Answer:
        """Its deadline passes and nobody has acted."""
        row = await self.row()
        assert row.deadline is not None
        self.world.clock.moment = max(self.world.clock.now(), datetime.fromisoformat(row.deadline) + timedelta(seconds=1))
        jti = self.world.ids.jti()
        answer = await self.world.gateway.committer.submit(Lapsed(self.transfer, GATEWAY_ID, jti, self.world.ids.jti))
        row = await self.row()
        self.ver, self.state = row.ver, row.state
        return answer


def _plain(stage: Stage) -> Made:
    return [("note", b"<note/>")], {"ver": stage.ver}


def _words(name: str, reason: str = "other", answered: str = "") -> Callable[[Stage], Made]:
    def made(stage: Stage) -> Made:
        return [(name, write(Withdrawal(reason, "说明")))], {"irt": stage.jtis.get(answered), "ver": stage.ver}

    return made


def _correction(name: str, *, part: bool = False) -> Callable[[Stage], Made]:
    def made(stage: Stage) -> Made:
        contents = [(name, write(Correction("other", "更正", stage.records[:1])))]
        return contents + [("part", shanghai_part(*stage.records, score=91))] * part, {"ver": stage.ver}

    return made


def _confirm(stage: Stage) -> Made:
    items = tuple(ConfirmationItem(record) for record in stage.records)
    contents = [("confirmation", write(Confirmation("100238845511", items))), ("part", shanghai_part(*stage.records))]
    return contents, {"irt": stage.jtis.get("fetch"), "same_person": stage.sds["identity"]}


def _decide(stage: Stage) -> Made:
    first, *others = stage.records
    return deciding(stage, {first: (Verdict.RECOGNISED, "3.0")} | dict.fromkeys(others, (Verdict.REFUSED, "0")))


def deciding(stage: Stage, verdicts: dict[str, tuple[Verdict, str]]) -> Made:
    claims = {"ver": stage.ver, "delivered": stage.sds.get("local", "0" * 64), "part": stage.sds.get("part", "0" * 64)}
    return decision(stage.world, verdicts), claims | {"mapping": list(stage.mapping) or ["none", "0"]}


def _posted(stage: Stage) -> Made:
    return posting(stage.world, stage.records[0]), {"posture": "done", "irt": stage.jtis.get("notice")}


def _acknowledge(stage: Stage) -> Made:
    return acknowledgement(stage.world), {"posture": "account", "irt": stage.jtis.get("forward")}


def _consent(stage: Stage) -> Made:
    """Good words, but its scope is a transfer's: `consent` and its like have scopes of their own."""
    return [("consent", write(stage.world.consent(SOURCE, ACCEPTING, SOURCE, stage.records)))], {}


def _consent_withdraw(_stage: Stage) -> Made:
    return [("consent-withdrawal", write(ConsentWithdrawal("consent-1", "learner_request", "")))], {}


def _dummies(*names: str) -> Callable[[Stage], Made]:
    return lambda _stage: ([(name, b"<x/>") for name in names], {})


ACTS: dict[str, Callable[[Stage], Made]] = {
    "confirm": _confirm,
    "decline": _words("refusal", answered="fetch"),
    "acknowledge": _acknowledge,
    "ask": _words("question"),
    "supplement": _words("answer", answered="asked"),
    "amend": _correction("amendment", part=True),
    "revoke": _correction("revocation"),
    "decide": _decide,
    "posted": _posted,
    "withdraw": _words("withdrawal"),
    "dispute": _words("dispute"),
    "uphold": _words("ruling"),
    "remit": _words("ruling"),
    "retry": _words("order"),
    "cancel": _words("order"),
    "consent": _consent,
    "consent-withdraw": _consent_withdraw,
    "enquire": _dummies("enquiry", "identity", "consent-source"),
    "list": _dummies("listing"),
    "clear": _dummies("ruling"),
    "statement-sign": _dummies("countersignature"),
    "statement-dispute": _dummies("differences"),
    "agreement-propose": _dummies("agreement"),
    "agreement-sign": _dummies("signature"),
    "agreement-suspend": _dummies("reason"),
    "agreement-resume": _dummies("reason"),
    "agreement-end": _dummies("reason"),
    "flag": _dummies("flag"),
    "flag-appeal": _dummies("appeal"),
    "flag-uphold": _dummies("ruling"),
    "flag-lift": _dummies("ruling"),
    "flag-escalate": _dummies("appeal"),
    "erase": _dummies("order"),
    "legal-hold": _dummies("order"),
    "legal-release": _dummies("order"),
    "rule-propose": _dummies("rules", "trial"),
    "rule-approve": _dummies("approval"),
    "rule-publish": _dummies("publication"),
    "rule-withdraw": _dummies("reason"),
    "handover": _dummies("handover"),
    "handover-accept": _dummies("acceptance"),
    "forward": _dummies("case", "request", "identity", "consent"),
    "notify": _dummies("notice"),
    "fetch": _dummies("case", "request", "identity", "consent-source"),
    "refusal": _dummies("refusal"),
    "noted": _dummies(),
    "collect": _dummies(),
}


async def stage(world: World, state: State | str, *, pulled: bool = False) -> Stage:
    """A fresh case of two records in `state`, or at one of the other `PLACES`."""
    records = tuple(f"SHC{world.ids.chance.randrange(10**11):011d}" for _ in range(2))
    opened = world.request(SOURCE, ACCEPTING, records, None if pulled else shanghai_part(*records))
    heard = await world.send(opened)
    assert heard.status == 202, heard.body
    sds = {"identity": opened.sd("identity")}
    made = Stage(world, heard.body["transfer"], records, heard.body["ver"], heard.body["state"], pulled, sds=sds)
    if pulled:
        made.jtis["fetch"] = (await owed(made, SOURCE, "fetch")).jti
    if state != State.CONFIRMING:
        await _delivered(made)
        await _PATHS[state](made)
    assert made.state == place_state(state)
    return made


async def _delivered(made: Stage) -> None:
    if made.pulled:
        await made.do(SOURCE, "confirm")
    await made.take_forward()


async def _stay(_made: Stage) -> None:
    return


async def _reviewing(made: Stage) -> None:
    await made.do(ACCEPTING, "acknowledge")


async def _supplementing(made: Stage) -> None:
    await _reviewing(made)
    await made.do(ACCEPTING, "ask")
    made.jtis["asked"] = (await owed(made, SOURCE, "notify")).jti


async def _posting(made: Stage) -> None:
    await _reviewing(made)
    await made.do(ACCEPTING, "decide")
    made.jtis["notice"] = (await owed(made, SOURCE, "notify")).jti


async def _settled(made: Stage) -> None:
    await _posting(made)
    await book(made)


async def book(made: Stage) -> None:
    """Both banks book the decision that stands."""
    await made.do(SOURCE, "posted")
    await made.do(ACCEPTING, "posted")


async def _disputed(made: Stage) -> None:
    await _settled(made)
    await made.do(SOURCE, "dispute")


async def _judged(made: Stage) -> None:
    await _disputed(made)
    await made.do(ACCEPTING, "uphold")


async def _recalled(made: Stage) -> None:
    await _settled(made)
    await made.do(SOURCE, "revoke")
    made.jtis["recall"] = (await owed(made, ACCEPTING, "notify")).jti
    await made.do(ACCEPTING, "posted", irt=made.jtis["recall"])


async def _rejected(made: Stage) -> None:
    await made.do(ACCEPTING, "acknowledge", contents=acknowledgement(made.world, none_reason="no_account"), posture="none")


async def _withdrawn(made: Stage) -> None:
    await made.do(made.facing, "withdraw")


async def _expired(made: Stage) -> None:
    await _reviewing(made)
    await made.lapse()


async def _held(made: Stage) -> None:
    await made.lapse()


async def _held_decided(made: Stage) -> None:
    await _posting(made)
    await made.lapse()


_PATHS = {
    State.DELIVERING: _stay,
    State.REVIEWING: _reviewing,
    State.SUPPLEMENTING: _supplementing,
    State.POSTING: _posting,
    State.DISPUTED: _disputed,
    State.HELD: _held,
    State.SETTLED: _settled,
    State.REJECTED: _rejected,
    State.WITHDRAWN: _withdrawn,
    State.EXPIRED: _expired,
    State.RECALLED: _recalled,
    HELD_DECIDED: _held_decided,
    JUDGED: _judged,
}


async def owed(made: Stage, member: str, act: str) -> Owed:
    """The first message owed to `member` in this case, which must be this act."""
    return next(each for each in await take(made.world, member) if each.transfer == made.transfer and each.act == act)
