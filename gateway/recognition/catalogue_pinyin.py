"""The only door to the library that knows how Chinese is read aloud.

Its dictionaries take a quarter of a second and some fifty megabytes, so nothing imports this module at
start: the composition root loads it by name when a catalogue is first searched (docs/adr/0010-pinyin.md).
"""

import re
from collections.abc import Iterator
from typing import Final

from pypinyin import Style, lazy_pinyin

READING_CHARS_MAX: Final = 200
_LETTERS: Final = re.compile(r"([0-9a-z]+)", re.ASCII)


def readings(text: str) -> tuple[tuple[str, ...], ...]:
    """How `text` may be typed, syllable by syllable; letters and digits are one each, ü is v.

    First as the words in it are read (会计 kuai ji), then, where it differs, each character by its commonest reading (hui ji).
    """
    shown = text[:READING_CHARS_MAX].casefold()
    as_words, as_characters = tuple(_spoken(shown, apart=False)), tuple(_spoken(shown, apart=True))
    return (as_words,) if as_words == as_characters else (as_words, as_characters)


def _spoken(text: str, *, apart: bool) -> Iterator[str]:
    for piece in _LETTERS.split(text):
        if _LETTERS.fullmatch(piece):
            yield from piece
        else:
            yield from lazy_pinyin(list(piece) if apart else piece, style=Style.NORMAL, errors="ignore")
