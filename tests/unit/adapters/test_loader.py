"""Four provinces by name; settings and manifests told wrong all at once."""

import tomllib
from pathlib import Path

import pytest

from gateway.adapters.loader import BUILDERS, load_adapters
from gateway.adapters.manifest import manifest_of, read_manifest
from gateway.errors import SettingsError
from tests.support.json_provinces import ROOT, adapter_table

REGIONS = ("shanghai", "jiangsu", "zhejiang", "anhui")


def test_load_adapters_when_the_configured_regions_then_one_each() -> None:
    adapters = load_adapters({region: adapter_table(region) for region in REGIONS})
    assert [adapter.region for adapter in adapters.values()] == list(REGIONS)
    assert set(BUILDERS) == set(REGIONS)


def test_load_adapters_when_some_are_wrong_then_the_problems_of_all() -> None:
    with pytest.raises(SettingsError) as caught:
        load_adapters({"shanghai": {}, "fujian": {}, "zhejiang": adapter_table("zhejiang") | {"colour": 1}})
    assert {(p.path, p.code) for p in caught.value.problems} == {
        ("shanghai/adapter/channel", "settings.missing"),
        ("fujian", "settings.unknown_region"),
        ("zhejiang/adapter/colour", "settings.unknown_key"),
    }


@pytest.mark.parametrize("region", REGIONS)
def test_read_manifest_when_stored_then_agrees_with_folder_configuration_and_adapter(region: str) -> None:
    manifest = read_manifest(region)
    config = tomllib.loads((ROOT / f"config/regions/{region}.toml").read_text(encoding="utf-8"))
    adapter = load_adapters({region: adapter_table(region)})[region]
    assert (manifest.region, manifest.member) == (config["region"], config["member"]) == (adapter.region, manifest.member)
    assert manifest.media_types == adapter.media_types
    assert manifest.invented


def test_manifest_of_when_wrong_then_every_problem() -> None:
    with pytest.raises(SettingsError) as caught:
        manifest_of(
            "shanghai", {"region": "anhui", "member": 31, "versions": ["1", "1"], "tier": "platinum", "invented": "yes", "extra": 1}
        )
    told = {(p.path, p.code) for p in caught.value.problems}
    assert told >= {
        ("shanghai/manifest.toml/region", "settings.unknown_choice"),
        ("shanghai/manifest.toml/member", "settings.wrong_type"),
        ("shanghai/manifest.toml/versions", "settings.repeated"),
        ("shanghai/manifest.toml/tier", "settings.unknown_choice"),
        ("shanghai/manifest.toml/invented", "settings.wrong_type"),
        ("shanghai/manifest.toml/extra", "settings.unknown_key"),
        ("shanghai/manifest.toml/format", "settings.missing"),
        ("shanghai/manifest.toml/code_tables", "settings.missing"),
    }


def test_read_manifest_when_there_is_none_then_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_manifest("fujian", tmp_path)
