"""When two titles are the same words: width, case, spaces and the dots in names of peoples do not count; everything else does.

Nothing is guessed: `管理学` and `管理学基础` are two titles.  Whoever wants both to fit writes both into the rule or the catalogue.
"""

import unicodedata
from functools import lru_cache
from typing import Final

CACHE_MAX: Final = 16_384
_DOTS: Final = "·・•‧"


@lru_cache(maxsize=CACHE_MAX)
def title_key(title: str) -> str:
    """The form in which titles are compared."""
    folded = unicodedata.normalize("NFKC", title).casefold()
    return "".join(letter for letter in folded if not letter.isspace() and letter not in _DOTS)
