"""Rules in force without anybody having published them, and a catalogue that holds the programme the tests apply for."""

from dataclasses import replace
from datetime import date
from functools import cache

from support.region import World
from support.rules import HEAD, catalogue, rule, rule_set
from support.stages import ACCEPTING

from gateway.recognition.catalogue import Catalogue
from gateway.recognition.lifecycle import Version
from gateway.recognition.rules import RuleSet

PROGRAMME = "120402"


@cache
def programmes() -> Catalogue:
    """The demonstration catalogue with its programme under the code that the requests of the tests name."""
    shipped = catalogue()
    (entry,) = (each for each in shipped.programmes if each.accepting == ACCEPTING)
    courses = tuple(replace(each, programme=PROGRAMME) for each in shipped.programme_courses if each.programme == entry.id)
    return replace(shipped, programmes=(replace(entry, id=PROGRAMME),), programme_courses=courses)


def in_force(world: World, rules: RuleSet | None, over: Catalogue | None = None) -> None:
    """These rules are the accepting bank's from now on."""

    async def current(accepting: str, programme: str, _day: date) -> tuple[Version, RuleSet] | None:
        if rules is None or (accepting, programme) != (ACCEPTING, PROGRAMME):
            return None
        return Version(rules.id, rules.version, "0" * 64, accepting, rules.effective, rules.review, accepting), rules

    proposer = world.gateway.parts.estimates.proposer
    proposer._rules, proposer._catalogue = current, over or programmes()


def management(limit: str = "50") -> RuleSet:
    caps = f'[caps]\nprogramme_percent = "{limit}"\nresident_credits_min = "0"\n'
    return rule_set(rule("management", "XZ004", title=["管理学基础"]), head=HEAD.replace("CN-34", ACCEPTING), caps=caps)
