"""Options that mean the same on every command."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="只输出一个 JSON 文档。 / One JSON document and nothing else.")]
NoColor: TypeAlias = Annotated[bool, typer.Option("--no-color", help="不用颜色与动画。 / No colour, no motion.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="不再询问。 / Do not ask.")]
DryRun: TypeAlias = Annotated[bool, typer.Option("--dry-run", help="只说明将做什么,不写入。 / Say what would be done; write nothing.")]
Config: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="节点配置文件,默认 ./gateway.toml。 / Settings of the node; ./gateway.toml where there is one."
    ),
]
TrustPath: TypeAlias = Annotated[
    Path | None,
    typer.Option("--trust-file", metavar="FILE", help="信任文件,代替配置中的。 / A trust file instead of the configured one."),
]
RegistryKey: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--registry-key",
        metavar="FILE",
        help="登记公钥(JWK),用以核验 FILE.sig。 / The registry's public key (JWK), to check the trust file's FILE.sig with.",
    ),
]
At: TypeAlias = Annotated[
    str, typer.Option("--at", metavar="TIME", help="以此时刻判断(RFC 3339),默认现在。 / Judge as of this moment (RFC 3339), not now.")
]
Data: TypeAlias = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="节点的数据目录或数据库文件。 / A node's data folder or database file.")
]
