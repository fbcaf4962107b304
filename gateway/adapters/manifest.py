"""A province's `manifest.toml`, read into a type: what is true of the format everywhere.

Deployment differences live in `config/regions/<region>.toml`, never here.  The manifest is a
declared data file, loaded at start; the conformance scale compares it with the folder's name.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.settings_table import SettingsTable

TIERS = ("none", "bronze", "silver", "gold")
TRANSPORTS = ("https_push", "soap_push", "https_mailbox", "sftp")
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Manifest:
    """`code_tables` maps code-set id to version; `personal_fields` are local paths that hold personal data.

    `invented` is True where the format is our invention and not the bank's real interface.
    """

    region: str
    member: str
    name_zh: str
    name_en: str
    format: str
    encodings: tuple[str, ...]
    media_types: tuple[str, ...]
    versions: tuple[str, ...]
    code_tables: Mapping[str, str]
    personal_fields: tuple[str, ...]
    transport: str
    tier: str
    scale_version: str
    invented: bool


def read_manifest(region: str, folder: Path = _HERE) -> Manifest:
    """The manifest of `folder/region`.  Raises SettingsError naming every wrong entry; OSError if there is no such file."""
    with (folder / region / "manifest.toml").open("rb") as file:
        return manifest_of(region, tomllib.load(file))


def manifest_of(region: str, table: Mapping[str, object]) -> Manifest:
    """Check a table against the shape above.  `region` must be the folder's own name."""
    settings = SettingsTable(f"{region}/manifest.toml", table)
    manifest = Manifest(
        region=settings.choice("region", (region,)),
        member=settings.text("member"),
        name_zh=settings.text("name_zh"),
        name_en=settings.text("name_en"),
        format=settings.text("format"),
        encodings=settings.texts("encodings"),
        media_types=settings.texts("media_types"),
        versions=settings.texts("versions"),
        code_tables=settings.text_map("code_tables"),
        personal_fields=settings.texts("personal_fields"),
        transport=settings.choice("transport", TRANSPORTS),
        tier=settings.choice("tier", TIERS),
        scale_version=settings.text("scale_version"),
        invented=settings.flag("invented"),
    )
    settings.finish()
    return manifest
