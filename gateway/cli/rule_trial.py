"""A rule file tried out before it is proposed: lint, then simulation, and the trial that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from gateway.cli.catalogue_source import day_of, open_source, standard_codes
from gateway.cli.rule_source import past_items, programme_of, programmes_on, rule_set_at
from gateway.cli.screen import Screen
from gateway.cli.sources import read_file
from gateway.errors import Problem
from gateway.model.canonical import jcs
from gateway.recognition.lifecycle import Trial
from gateway.recognition.links import standard_courses
from gateway.recognition.lint import lint
from gateway.recognition.rule_file import BYTES_MAX, load_rules
from gateway.recognition.rule_papers import TrialPaper
from gateway.recognition.rules import RuleSet
from gateway.recognition.simulate import Simulation, simulate
from gateway.recognition.simulation_report import simulation_document


@dataclass(frozen=True, slots=True)
class How:
    """What a file is tried against; `results` are files in the banks' own formats, standing for past transfers."""

    results: Sequence[Path]
    old: Path | None
    programme: str
    region: str
    catalogue: Path | None
    at: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it.  With findings nothing else is there: such a file goes no further."""

    data: bytes
    findings: tuple[Problem, ...]
    rules: RuleSet | None = None
    found: Simulation | None = None

    @property
    def report(self) -> bytes:
        """The simulation's report, RFC 8785 JSON: the trial names its digest."""
        return jcs(simulation_document(self.found)) if self.found is not None else b""

    def paper(self, restores: str = "") -> TrialPaper:
        """The trial that goes with the file."""
        digest = sha256(self.data).hexdigest()
        return TrialPaper(Trial(digest, len(self.findings), sha256(self.report).hexdigest() if self.report else ""), restores)


def try_out(screen: Screen, file: Path, how: How) -> Tried:
    """Lint with the catalogue and its programmes, then simulate.  Raises what reading the files raises."""
    source, day, data = open_source(how.catalogue), day_of(how.at), read_file(file, BYTES_MAX)
    findings = lint(file.name, data, standard_codes(), day=day, catalogue=source.catalogue, programmes=programmes_on(source, day))
    if findings:
        return Tried(data, findings)
    rules = load_rules(file.name, data, standard_codes())
    before = None if how.old is None else rule_set_at(how.old)
    items = past_items(how.results, how.region, programme_of(source, rules, how.programme, day), day)
    with screen.progress("试算 simulating") as tick:
        found = simulate(
            before, rules, items, courses=standard_courses(source.catalogue, day), progress=lambda done: tick(done, len(items))
        )
    return Tried(data, (), rules, found)
