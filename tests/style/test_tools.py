"""Style, types and layers, by the tools that know them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.tree import ROOT

BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "--no-cache"), ("ruff", "format", "--check", "--no-cache"), ("mypy",), ("lint-imports", "--no-cache")],
    ids=["lint", "format", "types", "layers"],
)
def test_tool_when_run_on_the_whole_tree_then_nothing_to_say(command: tuple[str, ...]) -> None:
    env = {**os.environ, "NO_COLOR": "1", "PYTHONUTF8": "1"}
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
