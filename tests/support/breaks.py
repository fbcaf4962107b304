"""Breaks the gateway's own code for each fault of the simulation, one at a time in a copy of the tree, until a checker speaks.

A seed's plan is reduced to the one fault (`only`), so that nothing else can be what is seen.  A break counts as caught when the
broken code fails a run that met the fault, while the whole code passes that run, and the broken code passes the same seed in calm.
What is broken: `breaks.toml`.  `python -m support.breaks [WORDS]` (with `tests` on the path, `make breaks`) prints one row each, as in
docs/testing.md; with words, only the faults that bear one of them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from gateway.simulator import region
from gateway.simulator.faults import DAY, HOURS, WEEKS_EVERY, Plan, Tempo, Weather, draw, tempo_of
from gateway.simulator.scenario import Chance, Outcome, run

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("breaks.toml")
LEFT_OUT = (".git", ".venv", "__pycache__", ".*_cache", "var", "build", "dist")
SEEDS_MAX = 60
RANGES: Mapping[str, Sequence[int]] = {
    "hours": [seed for seed in range(1, 301) if seed % WEEKS_EVERY],
    "weeks": range(WEEKS_EVERY, 301, WEEKS_EVERY),
}
"""Seeds divisible by five run for weeks: deadlines, consents and clocks show there."""
WEATHER = frozenset({"request_lost", "reply_lost", "twice", "late"})
PATIENCE_S = 2 * DAY
"""How long a run of hours is waited for after its storm: a whole one ends within hours, and a broken one never."""
CALM: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of one file, and what stands there instead."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Break:
    """A fault, how the code is broken for it, and who is expected to say so.

    `only`: what is left of each plan, as `reduced` names it; empty for what people do, which no plan holds.  `met`: what the run must
    have counted; `seed`: where it was caught last; `says`: the checker that must be among those who speak.
    """

    zh: str
    en: str
    what_zh: str
    what_en: str
    edits: tuple[Edit, ...]
    only: frozenset[str]
    met: str
    seeds: str
    seed: int
    says: str


def breaks() -> tuple[Break, ...]:
    """The list, in its order."""
    found = tomllib.loads(LIST.read_text("utf-8"))["break"]
    return tuple(
        Break(
            each["zh"], each["en"], each["what_zh"], each["what_en"], tuple(Edit(**edit) for edit in each["edits"]),
            frozenset(each["only"]), each.get("met", ""), each.get("seeds", "hours"), each.get("seed", 0), each["says"],
        )
        for each in found
    )  # fmt: skip


def uncaught() -> tuple[str, ...]:
    """Faults for which no break was found yet that a checker sees with that fault alone."""
    return tuple(tomllib.loads(LIST.read_text("utf-8"))["uncaught"])


# -- in the copy --


def reduced(plan: Plan, only: frozenset[str]) -> Plan:
    """The plan without any fault but these: kinds of faults, kinds of weather, or a field of the plan."""
    calm = dict.fromkeys(WEATHER - only, 0.0)
    weather: Weather = replace(plan.weather, **calm)
    faults = tuple(fault for fault in plan.faults if fault.kind in only)
    return replace(
        plan, weather=weather, faults=faults, away=plan.away if plan.away in faults else None,
        consent_ends=plan.consent_ends and "consent_ends" in only, leaf_changed=plan.leaf_changed and "leaf_changed" in only,
        holidays_known_at=plan.holidays_known_at if "holidays_known_at" in only else None,
    )  # fmt: skip


def holds(plan: Plan) -> frozenset[str]:
    """What is in a plan, in the same words."""
    named = {name for name in ("consent_ends", "leaf_changed") if getattr(plan, name)}
    named |= {"holidays_known_at"} if plan.holidays_known_at is not None else set()
    return frozenset({*named, *(name for name in WEATHER if getattr(plan.weather, name)), *(fault.kind.value for fault in plan.faults)})


def run_with(seed: int, only: frozenset[str]) -> Outcome:
    """One run of the plan that is left."""

    def left(chance: Random, tempo: Tempo) -> Plan:
        return reduced(draw(chance, tempo), only)

    vars(region)["draw"] = left
    object.__setattr__(HOURS, "ends_s", PATIENCE_S)
    return run(seed)


def seeds_of(one: Break) -> Iterator[int]:
    """Seeds whose plan holds the fault: the one at which it was caught last, then the others, lowest first."""
    ranged = dict.fromkeys((*((one.seed,) if one.seed else ()), *RANGES[one.seeds]))
    fit = (seed for seed in ranged if not one.only or one.only & holds(draw(Chance.of(seed, "plan"), tempo_of(seed))))
    yield from (seed for _, seed in zip(range(SEEDS_MAX), fit, strict=False))


def first_caught(one: Break) -> dict[str, Any]:
    """The first seed at which a checker speaks, and none does in calm."""
    tried = 0
    for seed in seeds_of(one):
        outcome, tried = run_with(seed, one.only), tried + 1
        if outcome.wrong and (not one.met or outcome.met.get(one.met)) and not (one.only and run_with(seed, CALM).wrong):
            return {"seed": seed, "wrong": outcome.wrong}
    return {"seed": None, "tried": tried}


# -- outside --


def copy_of_tree(place: Path) -> None:
    """Everything but what is made."""
    shutil.copytree(ROOT, place, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)


def asked(place: Path, number: int, seed: int | None = None) -> Any:
    """What a process over that tree says: the break's first caught seed, or, given a seed, what the tree as it is gets wrong there."""
    paths = os.pathsep.join((str(place), str(place / "tests")))
    command = [sys.executable, "-B", "-m", "support.breaks", "in-copy", str(number), *([] if seed is None else [str(seed)])]
    done = subprocess.run(command, cwd=place, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if not done.returncode else {"seed": None, "tried": 0, "fault": done.stderr[-400:]}


def row(place: Path, number: int, one: Break) -> tuple[bool, str]:
    """Break, run, mend: whether it was caught, and the row for the table."""
    kept = {edit.file: (place / edit.file).read_text("utf-8") for edit in one.edits}
    try:
        for edit in one.edits:
            text = (place / edit.file).read_text("utf-8")
            (place / edit.file).write_text(text.replace(edit.old, edit.new, 1), "utf-8")
        found = asked(place, number)
    finally:
        for file, text in kept.items():
            (place / file).write_text(text, "utf-8")
    files = "、".join(f"`{file.removeprefix('gateway/')}`" for file in kept)
    start = f"| {one.zh} {one.en} | {one.what_zh} {one.what_en} ({files}) | "
    if found["seed"] is None:
        return False, f"{start}— | NOT CAUGHT in {found['tried']} seeds {found.get('fault', '')} |"
    whole = asked(place, number, found["seed"])
    speakers = list(dict.fromkeys(each.partition(":")[0] for each in found["wrong"]))
    good = not whole and one.says in speakers
    said = ", ".join(f"`{each}`" for each in speakers)
    doubt = "" if good else f" NOT AS EXPECTED ({one.says}; unbroken: {whole})"
    return good, f"{start}{found['seed']} | {said}{doubt} |"


def main(words: list[str]) -> int:
    """Exit status 1 where a break was not caught."""
    if words[:1] == ["in-copy"]:
        one = breaks()[int(words[1])]
        told = run_with(int(words[2]), one.only).wrong if len(words) > 2 else first_caught(one)
        sys.stdout.write(json.dumps(told, ensure_ascii=False))
        return 0
    bad = 0
    with tempfile.TemporaryDirectory(prefix="breaks-") as folder:
        copy_of_tree(Path(folder))
        for number, one in enumerate(breaks()):
            if not words or any(word in one.en for word in words):
                good, text = row(Path(folder), number, one)
                bad += not good
                sys.stdout.write(text + "\n")
                sys.stdout.flush()
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
