"""`ceg version`."""

import platform

from rich.console import Console

from gateway import __version__
from gateway.cli.helps import about
from gateway.cli.options import AsJson, NoColor
from gateway.cli.screen import Screen
from gateway.federation.protocol import VERSION
from gateway.model.regional import STANDARD_VERSION


def version(as_json: AsJson = False, no_color: NoColor = False) -> None:
    """Program, protocol and standard."""
    document = {
        "name": "credit-exchange-gateway",
        "version": __version__,
        "protocol": VERSION,
        "standard": STANDARD_VERSION,
        "python": platform.python_version(),
    }

    def draw(console: Console) -> None:
        console.print(f"ceg {__version__}  协议 protocol {VERSION}  标准 standard {STANDARD_VERSION}  Python {document['python']}")

    Screen.open(as_json, no_color).emit(document, draw)


COMMANDS = (("version", version, about("显示版本。", "Show the versions.", "ceg version", "ceg version --json")),)
