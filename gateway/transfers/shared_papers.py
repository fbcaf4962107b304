"""Papers that name the records of several cases: what names a case lies under that case's key, and goes when the case is erased.

A statement, and a bank's word against one, are about many learners.  The stretches that name single cases are cut out of the paper;
what is left is kept under the paper's own key, each stretch in a row of its own under the key of its case.  While all keys are there
the paper is put together again, byte for byte.  Once a case is erased its stretch is gone, and the others can still be read.

The paper's secret must go with it: with the rest of the paper and its secret, whoever guesses the stretch could compare it with the
digest in the leaf.  So the secret is kept only as the exclusive or of shares, one beside each stretch: with any of them it is gone.
Sentences: docs/protocol.md, PR-362 and PR-363.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.errors import ErasedError
from gateway.federation.message import Content
from gateway.federation.protocol import SECRET_BYTES
from gateway.model.canonical import jcs
from gateway.storage.database import Read
from gateway.storage.part_rows import ContentLineRow
from gateway.storage.rows import ContentRow

SHARE_CHARS: Final = 2 * SECRET_BYTES


@dataclass(frozen=True, slots=True)
class Cut:
    """A paper without its stretches: `rest`, whose secret is what the shares leave of the paper's own, and the rows of the stretches."""

    rest: Content
    lines: tuple[ContentLineRow, ...]


def cut(content: Content, iss: str, jti: str, named: Iterable[tuple[str, bytes]], new_share: Callable[[], bytes]) -> Cut:
    """`named`: the case and the bytes of each stretch, in the paper's order; what is not found in it is a ValueError."""
    kept: list[str] = []
    lines: list[ContentLineRow] = []
    left, at = content.secret, 0
    for number, (part, stretch) in enumerate(named):
        first = content.data.index(stretch, at)
        kept.append(content.data[at:first].decode("utf-8"))
        share, at = new_share(), first + len(stretch)
        left = _xor(left, share)
        lines.append(ContentLineRow(iss, jti, content.name, number, part, share.hex() + stretch.decode("utf-8")))
    kept.append(content.data[at:].decode("utf-8"))
    return Cut(Content(content.name, jcs(kept), content.media_type, left), tuple(lines))


def whole(rest: Content, count: int, lines: Sequence[ContentLineRow]) -> Content:
    """The paper as it was.  Raises ErasedError("storage.erased") where a stretch is gone."""
    there = {line.line: line.text for line in lines if line.text}
    if there.keys() != set(range(count)):
        raise ErasedError("storage.erased", "文件所及的案件已有删除", "a case that the paper is about has been erased")
    secret = rest.secret
    for text in there.values():
        secret = _xor(secret, bytes.fromhex(text[:SHARE_CHARS]))
    return Content(rest.name, legible(rest, lines, b""), rest.media_type, secret)


def legible(rest: Content, lines: Sequence[ContentLineRow], blank: bytes) -> bytes:
    """The paper with `blank` for each stretch that is gone."""
    there = {line.line: line.text[SHARE_CHARS:].encode() for line in lines if line.text}
    kept: list[bytes] = [text.encode() for text in json.loads(rest.data)]
    return kept[0] + b"".join(there.get(place, blank) + text for place, text in enumerate(kept[1:]))


def lines_of(row: ContentRow) -> Read:
    """The query for the stretches of a stored paper."""
    return Read("content_lines", {"iss": row.iss, "jti": row.jti, "paper": row.name})


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
