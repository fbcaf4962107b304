"""How one of the banks brings its rules to force before the first case is sent: tried out, proposed, approved by others, published.

The bank is Zhejiang, the rules are those for accounting that are shipped as demonstration data, dated today.  Its messages go the
way every bank's go, and each answer proves itself before the next step.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

from gateway.client.store import Outgoing
from gateway.errors import PeerError
from gateway.federation.message import Content
from gateway.federation.protocol import MEDIA_JSON, MEDIA_TOML
from gateway.model.canonical import jcs
from gateway.model.local import PartManifest
from gateway.model.scopes import rule_scope
from gateway.model.transfer import Act
from gateway.recognition.catalogue import Catalogue
from gateway.recognition.catalogue_load import load_shipped
from gateway.recognition.lifecycle import Trial
from gateway.recognition.links import standard_courses
from gateway.recognition.lint import lint
from gateway.recognition.rule_file import load_rules
from gateway.recognition.rule_papers import TrialPaper, WordPaper, write_trial, write_word
from gateway.recognition.rules import RuleSet
from gateway.recognition.simulate import PastItem, simulate
from gateway.recognition.simulation_report import simulation_document
from gateway.simulator.banks import Programme
from gateway.simulator.ledgers import CHINA, PERIOD, Entry, write_feed
from gateway.simulator.live import Sandbox
from gateway.simulator.people import ANHUI, JIANGSU, SHANGHAI, ZHEJIANG, make_learner
from gateway.simulator.probes import Prober
from gateway.simulator.sandbox import REGIONS
from gateway.simulator.story import Line, short
from gateway.system import data_folder, package_folder

COURSES: Final[Mapping[str, str]] = {SHANGHAI: "基础会计", JIANGSU: "管理学基础", ANHUI: "管理学基础"}
"""What learners bring to Zhejiang's accounting: the rules take the one whole, and of the other no more than its course has."""
APPROVING: Final = (JIANGSU, SHANGHAI)
VALID: Final = timedelta(days=365)
PAST: Final = 9000
"""Learners of last year, made up: numbers no learner of the script has."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The rule file and the trial it went through."""

    rules: RuleSet
    data: bytes
    trial: Trial
    items: int

    @property
    def scope(self) -> str:
        return rule_scope(self.rules.accepting, self.rules.id, self.rules.version)


def draft(sandbox: Sandbox) -> Draft:
    """Zhejiang's file, judged and tried on last year's learners.  Raises PeerError where it is not clean."""
    day, codes = sandbox.gateway.clock.now().astimezone(CHINA).date(), sandbox.tools.mapper.codes
    data = dated((package_folder() / "recognition/rule_sets/demo-kj.toml").read_text("utf-8"), day).encode("utf-8")
    catalogue = load_shipped(data_folder("standards"), codes)
    target = catalogue.programme(Programme.BY_RULES.value, day)
    findings = lint("demo-kj.toml", data, codes, day=day, catalogue=catalogue, programmes=[target])
    if findings:
        raise PeerError("peer.off_protocol", "演示规则有问题", f"the demonstration rules are not clean: {findings[0].code}")
    rules = load_rules("demo-kj.toml", data, codes)
    found = simulate(None, rules, past(sandbox, catalogue, day), courses=standard_courses(catalogue, day))
    report = sha256(jcs(simulation_document(found))).hexdigest()
    return Draft(rules, data, Trial(sha256(data).hexdigest(), 0, report), found.items)


def dated(text: str, day: date) -> str:
    """The file as of today: in force at once, to be reviewed in a year, and a version of its own."""
    for name, value in (("version", f'"{day:%Y.%m.%d}"'), ("effective", str(day)), ("review", str(day + VALID))):
        text = re.sub(rf"(?m)^{name} = .*$", f"{name} = {value}", text, count=1)
    return text


def past(sandbox: Sandbox, catalogue: Catalogue, day: date) -> list[PastItem]:
    """What three learners brought from the three other banks."""
    target, found = catalogue.programme(Programme.BY_RULES.value, day), list[PastItem]()
    for number, member in enumerate(COURSES, PAST):
        learner = make_learner(number, member, sandbox.chance)
        feed = write_feed(member, learner, [Entry("course", f"2022{number:07d}", COURSES[member], 85)])
        adapter = sandbox.tools.regions[REGIONS[member]]
        part = adapter.split(feed, PartManifest(PERIOD if member == ANHUI else ""), {}).parts[0]
        mapped = sandbox.tools.mapper.to_regional(adapter.parse(part.content, part.manifest), member)
        found += [PastItem(f"{member}#{number}", day, target, record) for record in mapped.part.records]
    return found


async def bring_into_force(prober: Prober, made: Draft) -> AsyncIterator[Line]:
    """The signed acts, one after another; each line is told when its answer has proven itself."""
    ids = prober.sandbox.gateway.ids
    rules, digest = made.rules, made.trial.digest
    word = write_word(WordPaper(rules.id, rules.version, digest))

    def content(name: str, data: bytes, media_type: str = MEDIA_JSON) -> Content:
        return Content(name, data, media_type, ids.secret())

    yield Line(f"规则 {rules.id} 版本 {rules.version}({short(ZHEJIANG)[0]}):从草案到发布",
               f"rules {rules.id} version {rules.version} ({short(ZHEJIANG)[1]}): from draft to publication")  # fmt: skip
    paper = write_trial(TrialPaper(made.trial))
    proposed = (content("rules", made.data, MEDIA_TOML), content("trial", paper))
    tried = f"对 {made.items} 项以往成果试算后提出", f"proposed after a trial on {made.items} past items"
    yield await _say(prober, ZHEJIANG, Act.RULE_PROPOSE, made.scope, proposed, tried)
    for member in APPROVING:
        yield await _say(prober, member, Act.RULE_APPROVE, made.scope, (content("approval", word),), ("批准", "approved"))
    ends = "发布,即日生效", "published, in force from today"
    yield await _say(prober, ZHEJIANG, Act.RULE_PUBLISH, made.scope, (content("publication", word),), ends)


async def _say(prober: Prober, iss: str, act: Act, scope: str, contents: Sequence[Content], done: tuple[str, str]) -> Line:
    """One act.  Raises PeerError where it is refused or the answer has no leaf."""
    message = Outgoing(prober.sandbox.gateway.ids.jti(), act.value, scope, tuple(contents), {"scp": scope})
    told = await prober.send(iss, message)
    if told.code or told.answer is None or told.answer.index is None:
        raise PeerError("peer.off_protocol", "规则未能发布", f"{act.value} was refused: {told.code or 'no leaf'}")
    zh, en = short(iss)
    index, state = told.answer.index, told.answer.body["rule"]["state"]
    return Line(f"{zh}{done[0]}(存证 #{index},回执已核验)", f"{en}: {done[1]}, now {state} (leaf {index}, receipt verified)", 1)
