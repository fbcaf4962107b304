"""How a browser for the pages is come by: found, installed, skipped with instructions, or failed where one is required."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from support.chromium import HELP, INSTALL, NAMES, PLACES, Machine, find_chromium

APT = {"apt-get": "/usr/bin/apt-get"}


@dataclass
class Imagined:
    """A machine that has these commands and files; what is installed is there afterwards, if it `works`."""

    commands: dict[str, str] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    works: bool = True
    ran: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, command: Sequence[str]) -> None:
        self.ran.append(tuple(command))
        if self.works and "install" in command:
            self.commands["chromium"] = "/usr/bin/chromium"

    def machine(self, environ: Mapping[str, str] | None = None, *, root: bool = False) -> Machine:
        return Machine(environ or {}, self.commands.get, self.files.__contains__, root, self.run)


def outcome(machine: Machine) -> tuple[type, str]:
    """A path, or how it ends without: caught here, because a skip that gets out would skip the test that looks for it."""
    try:
        return str, find_chromium(machine)
    except (pytest.skip.Exception, pytest.fail.Exception) as without:
        return type(without), str(without)


@pytest.mark.parametrize("name", NAMES)
def test_chromium_when_on_the_path_then_that_one_and_nothing_is_installed(name: str) -> None:
    imagined = Imagined({name: f"/bin/{name}", **APT})
    assert (find_chromium(imagined.machine(root=True)), imagined.ran) == (f"/bin/{name}", [])


@pytest.mark.parametrize("place", PLACES)
def test_chromium_when_in_a_known_place_then_that_one(place: str) -> None:
    imagined = Imagined(dict(APT), frozenset({place}))
    assert (find_chromium(imagined.machine(root=True)), imagined.ran) == (place, [])


def test_chromium_when_named_then_that_one_before_all_others() -> None:
    imagined = Imagined({"chromium": "/usr/bin/chromium"}, frozenset(PLACES))
    assert find_chromium(imagined.machine({"CEG_CHROMIUM": "/own/chrome"})) == "/own/chrome"


def test_chromium_when_missing_and_it_may_be_installed_then_debians_with_its_fonts() -> None:
    imagined = Imagined(dict(APT))
    assert outcome(imagined.machine(root=True)) == (str, "/usr/bin/chromium")
    assert imagined.ran == list(INSTALL)
    assert imagined.ran[-1][-2:] == ("chromium", "fonts-noto-cjk")


@pytest.mark.parametrize(
    ("commands", "root", "tried"), [(APT, False, 0), ({}, True, 0), (APT, True, 2)], ids=["not-root", "no-apt", "install-fails"]
)
@pytest.mark.parametrize("required", [False, True], ids=["wanted", "required"])
def test_chromium_when_there_is_none_then_skipped_with_instructions_and_failed_where_required(
    commands: dict[str, str], tried: int, *, root: bool, required: bool
) -> None:
    imagined = Imagined(dict(commands), works=False)
    environ = {"CEG_REQUIRE_BROWSER": "1"} if required else {"CEG_REQUIRE_BROWSER": "0"}
    wanted = pytest.fail.Exception if required else pytest.skip.Exception
    assert (*outcome(imagined.machine(environ, root=root)), len(imagined.ran)) == (wanted, HELP, tried)
    assert "apt-get install chromium" in HELP
    assert "CEG_CHROMIUM" in HELP
