"""Jiangsu's settings and manifest: wrong ones named at once, shipped ones true."""

import tomllib
from pathlib import Path

import pytest

from gateway.adapters.jiangsu.adapter import build
from gateway.adapters.jiangsu.options import Options, read_options
from gateway.adapters.manifest import read_manifest
from gateway.errors import SettingsError

ROOT = Path(__file__).parents[3]
JIANGSU = build({})


def test_settings_when_wrong_then_every_one_is_named():
    with pytest.raises(SettingsError) as caught:
        build({"render_as": "fax", "level_max": 0, "grade_words": "优", "surprise": 1, "write_version": "9"})
    assert {problem.path.rpartition("/")[2] for problem in caught.value.problems} == {
        "render_as",
        "level_max",
        "grade_words",
        "surprise",
        "write_version",
    }


def test_shipped_configuration_when_read_then_equals_the_defaults_and_shows_every_key():
    shipped = tomllib.loads((ROOT / "config/regions/jiangsu.toml").read_text("utf-8"))
    assert read_options(shipped["adapter"]) == Options()
    assert set(shipped["adapter"]) == set(Options.__slots__)


def test_manifest_when_read_then_agrees_with_the_adapter():
    manifest = read_manifest("jiangsu")
    assert manifest.media_types == JIANGSU.media_types
    assert manifest.versions == Options().format_versions
    assert manifest.invented


def test_format_without_a_digest_when_asked_then_no_match():
    assert JIANGSU.digest_matches("320508198811113025", "sm3:00") is False
