"""The slip a bank may lay beside a feed, `FILE.toml`: the file's SM3, and what it means that a row is not there any more.

    sm3 = "66c7f0f4…"            # the file is read only when it has this digest: not while it is still being copied
    disappeared = "cancelled"    # Anhui: rows of the month's earlier file that are missing here are void ("ask", unless said)

Saying `cancelled` needs the digest: half a file must never revoke anything.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.crypto.sm3 import sm3_hex
from gateway.errors import FormatError

SLIP: Final = ".toml"
SLIP_BYTES_MAX: Final = 64 * 1024
MEANINGS: Final = ("ask", "cancelled")
_PERIOD: Final = re.compile(r"(\d{4}-\d{2})\D")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Slip:
    """`cancels`: what has disappeared since the month's earlier file is void."""

    cancels: bool = False

    @classmethod
    def read(cls, file: Path, content: bytes) -> "Slip":
        """The slip of a feed with these bytes.  Raises FormatError `format.feed_slip`, `format.feed_digest`."""
        path = file.with_name(file.name + SLIP)
        if not path.exists():
            return cls()
        if path.stat().st_size > SLIP_BYTES_MAX:
            raise _bad("it is too large")
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError):
            raise _bad("it is not TOML") from None
        digest, meaning = table.get("sm3", ""), table.get("disappeared", "ask")
        if table.keys() - {"sm3", "disappeared"} or meaning not in MEANINGS or (digest and _DIGEST.fullmatch(str(digest)) is None):
            raise _bad("it has sm3 and disappeared (ask or cancelled), and nothing else")
        if meaning == "cancelled" and not digest:
            raise _bad("disappeared = cancelled needs the file's sm3")
        if digest and sm3_hex(content) != digest:
            raise FormatError("format.feed_digest", "文件与清单的 SM3 不符,可能尚未传完", "the file does not have the digest of its slip")
        return cls(meaning == "cancelled")


def period_of(name: str) -> str:
    """`2024-06` of `2024-06-records.csv`; "" where the name begins with no period."""
    found = _PERIOD.match(name)
    return found[1] if found else ""


def _bad(reason: str) -> FormatError:
    return FormatError("format.feed_slip", "文件的清单有误", f"the slip of a feed is wrong: {reason}", reason=reason)
