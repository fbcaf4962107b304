"""Which Chromium the pages are looked at with: one that is there, else Debian's where it may be installed, else none and why.

With CEG_REQUIRE_BROWSER=1 (a release run) having none is a failure and not a skip.  What is asked of the machine is given, so that
each way is tried without a machine that is like that.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
PLACES = ("/usr/lib/chromium/chromium", "/snap/bin/chromium", "/opt/google/chrome/chrome", "/opt/chromium/chrome")
"""Where one may lie that is not on the path."""
INSTALL = (("apt-get", "update", "-q"), ("apt-get", "install", "-y", "-q", "chromium", "fonts-noto-cjk"))
INSTALL_S = 600.0
HELP = (
    "no Chromium found: install Debian's (apt-get install chromium fonts-noto-cjk) or point CEG_CHROMIUM at one; "
    "with CEG_REQUIRE_BROWSER=1 its absence is a failure"
)


def run_quietly(command: Sequence[str]) -> None:
    """Whether it worked is seen by what is there afterwards."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with suppress(subprocess.TimeoutExpired, OSError):
        subprocess.run(command, check=False, capture_output=True, timeout=INSTALL_S, env=quiet)


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked of the machine: a command's path, whether a file is there, who we are; and how a command is run."""

    environ: Mapping[str, str]
    which: Callable[[str], str | None] = shutil.which
    is_file: Callable[[str], bool] = os.path.isfile
    root: bool = False
    run: Callable[[Sequence[str]], None] = run_quietly

    @classmethod
    def real(cls) -> "Machine":
        return cls(os.environ, root=os.geteuid() == 0)


def there(machine: Machine) -> str:
    """The one that is named, on the path, or in a known place; "" for none."""
    named = machine.environ.get("CEG_CHROMIUM", "")
    on_path = next((path for name in NAMES if (path := machine.which(name))), "")
    return named or on_path or next((place for place in PLACES if machine.is_file(place)), "")


def find_chromium(machine: Machine | None = None) -> str:
    """Its path.  Skips the test, or fails it where one is required, when there is none and none can be installed."""
    machine = machine or Machine.real()
    found = there(machine)
    if not found and machine.root and machine.which("apt-get"):
        for command in INSTALL:
            machine.run(command)
        found = there(machine)
    if not found:
        (pytest.fail if machine.environ.get("CEG_REQUIRE_BROWSER") == "1" else pytest.skip)(HELP)
    return found
