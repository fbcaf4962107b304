"""docs/sequences.md: each picture is a way through the act table, and is played with real messages to the states it shows."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.auditor import books, shanghai_part
from support.region import Heard, Message, World, region
from support.stages import ACCEPTING, PRESIDING, SOURCE, Stage, owed
from support.tree import ROOT, text_of

from gateway.federation.framing import SUFFIX_ENVELOPE, SUFFIX_RECEIPT, SUFFIX_SECRETS
from gateway.model.transfer import TABLE, Act, Role, State
from gateway.transfers.file_exchange import DONE, INBOX, NAME_PREFIX, OUTBOX

PAGE = text_of(ROOT / "docs" / "sequences.md")
STEP = re.compile(r"^ ?\d+\. \S+ (\w+) +── ([a-z-]+)(?: \((\w+)\))? ──▶ +\S+ (\w+)(?: +⇒ (\w+))?$")
PICTURES = dict(re.findall(r"^## ([^\n]+)\n+```text\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
NO_STATE = {Act.FORWARD, Act.FETCH, Act.NOTIFY, Act.NOTED, Act.COLLECT}
OWN_ACTS = {Act.HOLD, Act.EXPIRE, Act.LAPSE, Act.ESCALATE}
LEAF_OF = {"hold": "transfer.held", "lapse": "transfer.lapsed", "escalate": "transfer.escalated"}
WANTED = (
    "Pushed", "Pulled", "supplemented", "before the decision", "after the decision", "recalled", "presiding unit", "Held and retried",
    "dead letter", "Mailbox", "SFTP", "SOAP", "lost answer",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    who: str
    act: Act
    note: str
    whom: str
    state: State | None


def steps(picture: str) -> Iterator[Step]:
    for line in PICTURES[picture].splitlines():
        if line.lstrip().startswith("·"):
            continue
        found = STEP.match(line)
        assert found is not None, line
        who, act, note, whom, state = found.groups()
        yield Step(who, Act(act), note or "", whom, State(state) if state else None)


def test_pictures_when_listed_then_every_wanted_one_is_there() -> None:
    assert [word for word in WANTED if not any(word in head for head in PICTURES)] == []
    assert PAGE.count("```text") == len(PICTURES)


@pytest.mark.parametrize("picture", PICTURES)
def test_picture_when_walked_through_the_table_then_every_step_is_legal(picture: str) -> None:
    state: State | None = None
    for step in steps(picture):
        assert {step.who, step.whom} <= {*Role, "log"}
        if step.act is Act.REQUEST:
            assert step.who == "facing"
            assert (state, step.note) == (None, "") or (state, step.note) == (step.state, "repeat")
            state = step.state
            assert state in {State.CONFIRMING, State.DELIVERING}
        elif step.act in NO_STATE:
            assert step.state is None
            assert state is not None
            assert (step.who == "gateway") == (step.act in {Act.FORWARD, Act.FETCH, Act.NOTIFY})
        elif step.note == "repeat":
            assert step.state is state
        else:
            rules = [rule for rule in TABLE if (rule.act, rule.role) == (step.act, step.who) and state in rule.states]
            assert any(step.state in (rule.to or (state,)) or (step.act is Act.REVOKE and step.state is state) for rule in rules), step
            state = step.state


@dataclass
class Play:
    """A picture, carried out: what each bank has in hand, and what was sent last."""

    world: World
    leaf_types: Callable[[], list[str]]
    pulled: bool
    case: Stage = field(init=False)
    sent: dict[str, Message] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)

    def member(self, role: str) -> str:
        facing = ACCEPTING if self.pulled else SOURCE
        return {"source": SOURCE, "accepting": ACCEPTING, "facing": facing, "presiding": PRESIDING}[role]

    async def carry_out(self, step: Step) -> None:
        if step.note == "repeat":
            size = len(self.leaf_types())
            again = await self.world.send(self.sent[step.act])
            assert (again.reply.repeated, len(self.leaf_types())) == (True, size)
            return
        match step.act:
            case Act.REQUEST:
                await self._open()
            case Act.FORWARD:
                await self.case.take_forward()
            case Act.FETCH:
                self.case.jtis["fetch"] = (await owed(self.case, SOURCE, "fetch")).jti
            case Act.NOTIFY:
                await self._notice(step)
            case Act.COLLECT:
                return  # the mailbox has tests of its own: this bank is pushed to
            case act if act in OWN_ACTS:
                await self.case.lapse()
                assert self.leaf_types()[-1] == LEAF_OF[act]
            case act:
                await self._act(self.member(step.who), act)

    async def _open(self) -> None:
        records = tuple(f"SHC{self.world.ids.chance.randrange(10**11):011d}" for _ in range(2))
        message = self.world.request(SOURCE, ACCEPTING, records, None if self.pulled else shanghai_part(*records))
        heard = await self.world.send(message)
        assert heard.status == 202, heard.body
        self.sent["request"] = message
        sds = {"identity": message.sd("identity")}
        self.case = Stage(self.world, heard.body["transfer"], records, heard.body["ver"], heard.body["state"], self.pulled, sds=sds)

    async def _notice(self, step: Step) -> None:
        notice = await owed(self.case, self.member(step.whom), "notify")
        assert notice.event == step.note
        self.notices[self.member(step.whom)] = notice.jti
        self.case.jtis |= {step.note: notice.jti} | ({"notice": notice.jti} if step.note == "decided" else {})

    async def _act(self, iss: str, act: Act) -> None:
        changes = {}
        if act is Act.NOTED:
            changes["irt"] = self.notices[iss]
        if act is Act.POSTED and iss == ACCEPTING and "recall" in self.case.jtis:
            changes["irt"] = self.case.jtis["recall"]
        message = self.case.message(iss, act, **changes)
        heard: Heard = await self.world.send(message)
        assert heard.status == 200, (act, heard.body)
        self.sent[act] = message
        self.case.ver, self.case.state = heard.body["ver"], heard.body["state"]
        if act is Act.DECIDE:
            self.case.jtis["decision"] = message.jti


@pytest.mark.parametrize("picture", PICTURES)
async def test_picture_when_played_with_real_messages_then_the_states_it_shows(tmp_path: Path, picture: str) -> None:
    async with region(tmp_path) as world, books(world) as found:
        play = Play(world, lambda: [leaf.type for leaf in found.leaves()], pulled=any(step.act is Act.FETCH for step in steps(picture)))
        for step in steps(picture):
            await play.carry_out(step)
            if step.state is not None:
                assert play.case.state == step.state, step
        assert found.audit(world.trust).ok


def test_file_names_when_compared_with_the_source_then_the_same() -> None:
    (sftp,) = (text for head, text in PICTURES.items() if "SFTP" in head)
    wanted = {
        f"{INBOX}/",
        f"{DONE}/",
        f"{OUTBOX}/{NAME_PREFIX}JTI",
        f"NAME.{SUFFIX_ENVELOPE}",
        f"NAME.{SUFFIX_SECRETS}",
        f"NAME.{SUFFIX_RECEIPT}",
    }
    assert sorted(word for word in wanted if word not in sftp) == []
    routes = text_of(ROOT / "gateway" / "web" / "routes.py")
    named = {path for text in PICTURES.values() for path in re.findall(r"POST (/\S+?)[,。 \n]", text)}
    assert named
    assert sorted(path for path in named if f'"{path}"' not in routes) == []
