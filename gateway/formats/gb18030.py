"""GB18030 bytes to text and back, as GB 18030-2022 reads them.

Python's codec follows the mapping of the year 2000: at 19 pairs of positions it exchanges a
character with a private-use one.  The codec maps every Unicode scalar value to one position and
back, so one exchange of code points after decoding (and the same one before encoding) moves all
38 positions to the 2022 table and keeps the mapping one to one: decoding loses nothing, and
encoding what was decoded gives the same bytes.  Six positions (fe51 fe52 fe53 fe6c fe76 fe91)
are private use in every edition; they are not guessed at, they are reported.

GBK and GB2312 are subsets in use; their bytes are read by the same function.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import FormatError

TABLE_VERSION: Final = "GB18030-2022"

# (what the codec of 2000 gives, what stands there since): a8bc since the 2005 edition, the rest since 2022.
_CHANGED: Final = (
    (0xE7C7, 0x1E3F),  # a8bc       / 8135f437
    (0xE78D, 0xFE10),  # a6d9       / 84318236  vertical punctuation
    (0xE78E, 0xFE12),  # a6da       / 84318238
    (0xE78F, 0xFE11),  # a6db       / 84318237
    (0xE790, 0xFE13),  # a6dc       / 84318239
    (0xE791, 0xFE14),  # a6dd       / 84318330
    (0xE792, 0xFE15),  # a6de       / 84318331
    (0xE793, 0xFE16),  # a6df       / 84318332
    (0xE794, 0xFE17),  # a6ec       / 84318333
    (0xE795, 0xFE18),  # a6ed       / 84318334
    (0xE796, 0xFE19),  # a6f3       / 84318335
    (0xE81E, 0x9FB4),  # fe59       / 82359037  ideographs
    (0xE826, 0x9FB5),  # fe61       / 82359038
    (0xE82B, 0x9FB6),  # fe66       / 82359039
    (0xE82C, 0x9FB7),  # fe67       / 82359130
    (0xE832, 0x9FB8),  # fe6d       / 82359131
    (0xE843, 0x9FB9),  # fe7e       / 82359132
    (0xE854, 0x9FBA),  # fe90       / 82359133
    (0xE864, 0x9FBB),  # fea0       / 82359134
)
_EXCHANGE: Final = dict(_CHANGED) | {new: old for old, new in _CHANGED}
_EXCHANGED_CHARACTERS: Final = re.compile("[" + "".join(map(chr, _EXCHANGE)) + "]")
_PRIVATE_USE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """`private_use` is true where `text` still holds a private-use character: callers flag or refuse it."""

    text: str
    private_use: bool


def decode_gb18030(content: bytes) -> Decoded:
    """Strictly: raises FormatError `format.encoding` with the offset of the first byte that is not GB18030."""
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError as error:
        raise FormatError("format.encoding", "不是有效的 GB18030 字节", "not valid GB18030 bytes", offset=error.start) from error
    text = _exchange(text)
    return Decoded(text, has_private_use(text))


def encode_gb18030(text: str) -> bytes:
    """The inverse of `decode_gb18030`.  Raises FormatError `format.encoding` for a lone surrogate; never writes a `?` instead."""
    try:
        return _exchange(text).encode("gb18030")
    except UnicodeEncodeError as error:
        raise FormatError(
            "format.encoding", "含有 GB18030 无法表示的字符", "holds a character that GB18030 cannot", offset=error.start
        ) from error


def has_private_use(text: str) -> bool:
    """Whether a character of a private-use area (planes 0, 15 and 16) is in `text`."""
    return not text.isprintable() and _PRIVATE_USE.search(text) is not None


def _exchange(text: str) -> str:
    return text.translate(_EXCHANGE) if _EXCHANGED_CHARACTERS.search(text) else text
