"""Rules for the pages to show: Zhejiang's in force, and a next version of them that others have still to approve."""

from contextlib import aclosing
from dataclasses import replace
from hashlib import sha256

from gateway.recognition.rule_file import load_rules
from gateway.simulator.rule_making import Draft, bring_into_force, draft
from gateway.simulator.script import Script


async def two_versions(script: Script) -> str:
    """Bring the first into force and propose the second.  Gives back the second one's scope."""
    made = draft(script.sandbox)
    async for _ in bring_into_force(script.prober, made):
        pass
    following = _next(script, made)
    async with aclosing(bring_into_force(script.prober, following)) as lines:
        async for line in lines:
            if line.level:  # proposed: nobody has approved it yet
                break
    return following.scope


def _next(script: Script, made: Draft) -> Draft:
    """The same with another share and another title, on which the lint has nothing to say."""
    text = made.data.decode("utf-8").replace(f'version = "{made.rules.version}"', f'version = "{made.rules.version}-2"')
    text = text.replace('programme_percent = "50"', 'programme_percent = "40"', 1)
    data = text.encode("utf-8")
    rules = load_rules("next.toml", data, script.sandbox.tools.mapper.codes)
    return Draft(rules, data, replace(made.trial, digest=sha256(data).hexdigest()), made.items)
