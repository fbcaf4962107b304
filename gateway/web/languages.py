"""Two languages: Chinese is the source text, English comes from gettext catalogues with Chinese msgids.

Each part of the site has its own catalogue under `locale/en/` (`.po` for people, `.mo` made from it), so that two authors do not
meet in one file.  The language is in the URL (`?lang=en`) and nowhere else.
"""

from dataclasses import dataclass
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

ZH: Final = "zh"
EN: Final = "en"
LANGUAGES: Final = (ZH, EN)
LOCALE: Final = Path(__file__).parent / "locale"


def msg(text: str) -> str:
    """Marks a Chinese text for the catalogues where it is written down before anyone's language is known."""
    return text


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language.  `html` is its tag for `<html lang>`."""

    code: str
    html: str
    texts: NullTranslations

    def __call__(self, text: str) -> str:
        """The text in this language."""
        return self.texts.gettext(text) if text else ""  # the empty msgid is the catalogue's own header


def load_tongues() -> dict[str, Tongue]:
    """Both languages.  A text that no catalogue has stays Chinese; a test sees to it that there is none."""
    english: NullTranslations = NullTranslations()
    for file in sorted((LOCALE / EN).glob("*.mo")):
        with file.open("rb") as opened:
            found = GNUTranslations(opened)
        found.add_fallback(english)
        english = found
    return {ZH: Tongue(ZH, "zh-Hans", NullTranslations()), EN: Tongue(EN, "en", english)}


def chosen(value: str) -> str:
    """The language a URL asks for; anything unknown is Chinese."""
    return value if value in LANGUAGES else ZH
