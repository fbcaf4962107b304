"""Options that mean the same on every `ceg rule` command."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

RuleFile: TypeAlias = Annotated[Path, typer.Argument(metavar="FILE", help="规则文件(TOML)。 / A rule file (TOML).")]
From: TypeAlias = Annotated[
    Path | None,
    typer.Option("--catalogue", metavar="PATH", help="目录,默认自带的演示数据。 / Catalogue; the demonstration data by default."),
]
Day: TypeAlias = Annotated[
    str, typer.Option("--at", metavar="DATE", help="以此日判断,默认今天。 / Judge as of this day (2026-01-31), not today.")
]
Region: TypeAlias = Annotated[str, typer.Option("--region", metavar="REGION", help="省份:shanghai 等。 / Whose format, as shanghai.")]
Code: TypeAlias = Annotated[str, typer.Option("--programme", metavar="CODE", help="目标专业。 / The target programme.")]
Results: TypeAlias = Annotated[
    list[Path],
    typer.Option("--results", metavar="PATH", help="以往成果,各行自己格式,可多次。 / Past results; may be repeated."),
]
Old: TypeAlias = Annotated[Path | None, typer.Option("--old", metavar="FILE", help="现行版本。 / The version that holds now.")]
