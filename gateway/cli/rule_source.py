"""What rule commands read: rule sets, programmes of a catalogue, and banks' own files as regional records."""

from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path

from gateway.app import Tools, load_tools
from gateway.cli.catalogue_source import Source, standard_codes
from gateway.cli.explain_input import guess_region, read_parts
from gateway.cli.faults import CliError
from gateway.cli.sources import read_file
from gateway.errors import CatalogueError
from gateway.model.regional import RegionalRecord
from gateway.recognition.lifecycle import RuleState, Version
from gateway.recognition.programme import Programme
from gateway.recognition.rule_file import BYTES_MAX, load_rules
from gateway.recognition.rules import RuleSet
from gateway.recognition.simulate import PastItem


def rule_set_at(path: Path) -> RuleSet:
    """Raises RecognitionError (`recognition.bad_rule_set`) with every problem, CliError."""
    return load_rules(path.name, read_file(path, BYTES_MAX), standard_codes())


def version_at(path: Path) -> Version:
    """The file as a published version, to be compared with others by their dates.  Raises as `rule_set_at`."""
    raw = read_file(path, BYTES_MAX)
    rules = load_rules(path.name, raw, standard_codes())
    return Version(
        rules.id, rules.version, sha256(raw).hexdigest(), rules.accepting, rules.effective, rules.review, "", RuleState.PUBLISHED
    )


def programmes_on(source: Source, day: date) -> list[Programme]:
    """Every programme of the catalogue that may be used that day."""
    found: dict[str, Programme] = {}
    for entry in source.catalogue.programmes:
        try:
            found[entry.id] = source.catalogue.programme(entry.id, day)
        except CatalogueError:
            continue
    return list(found.values())


def programme_of(source: Source, rules: RuleSet, code: str, day: date) -> Programme:
    """The one named, or the only one the rules are for.  Raises CatalogueError, CliError(`cli.usage`)."""
    if code:
        return source.catalogue.programme(code, day)
    fitting = [each for each in programmes_on(source, day) if each.accepting == rules.accepting]
    wanted = [each for each in fitting if not rules.programmes or each.code in rules.programmes]
    if len(wanted) == 1:
        return wanted[0]
    raise CliError(
        "cli.usage", "须用 --programme 指明专业", "name the programme with --programme", found=", ".join(each.code for each in wanted)
    )


def learners_in(path: Path, region: str, tools: Tools) -> Iterator[tuple[RegionalRecord, ...]]:
    """The regional records of each learner in a bank's own file.  Raises FormatError, RecordError, CliError."""
    content = read_file(path)
    if region and region not in tools.regions:
        raise CliError("cli.usage", "没有此省份", "there is no such region", given=region, regions=", ".join(tools.regions))
    found = read_parts(tools.regions[region or guess_region(tools.regions, content)], content, None)
    member = tools.mapper.ruleset(found.region).member
    for part in found.parts:
        yield tools.mapper.to_regional(part, member).part.records


def past_items(files: Sequence[Path], region: str, programme: Programme, day: date) -> list[PastItem]:
    """Each learner of each file stands for one past transfer towards this programme."""
    tools = load_tools()
    return [
        PastItem(f"{path.name}#{number}", day, programme, record)
        for path in files
        for number, records in enumerate(learners_in(path, region, tools), 1)
        for record in records
    ]
