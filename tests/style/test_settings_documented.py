"""Settings: each is used, documented, and in the example file with its default."""

import re
import tomllib

from support import generated
from support.tree import files, shown, text_of

from gateway.settings import Settings


def test_example_file_when_compared_with_the_source_then_equal() -> None:
    assert text_of(generated.EXAMPLE) == generated.example_toml()


def test_example_file_when_loaded_then_the_defaults() -> None:
    assert Settings.load(generated.EXAMPLE).model_dump() == Settings.load(None).model_dump()
    tomllib.loads(text_of(generated.EXAMPLE))


def test_settings_when_searched_in_the_source_then_each_is_used() -> None:
    source = "".join(text_of(path) for path in files(".py", "gateway") if shown(path) != "gateway/settings.py")
    unused = [f"{section}.{name}" for section, name, _ in generated.fields() if not re.search(rf"\.{name}\b", source)]
    assert unused == []


def test_settings_when_described_then_in_both_languages() -> None:
    wrong = [name for _, name, field in generated.fields() if not re.search(r"[\u4e00-\u9fff].* / .*[a-z]", str(field.description))]
    assert wrong == []
