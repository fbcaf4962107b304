"""A node's folder with a settings file, for tests of the command line: one command at a time, output caught."""

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.cli.main import run
from gateway.settings import Settings


@dataclass
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def problem(self) -> Any:
        return json.loads(self.err)


def ceg(*arguments: object) -> Ran:
    """Carry out a command line in this process; no terminal anywhere."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(each) for each in arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def write_config(settings: Settings, file: Path) -> Path:
    """The settings as the TOML file that gives them."""
    lines: list[str] = []
    for section, values in settings.model_dump(mode="json", exclude_none=True).items():
        lines.append(f"[{section}]")
        lines.extend(f"{name} = {json.dumps(value)}" for name, value in values.items())
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file
