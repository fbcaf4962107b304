"""`ceg map`: every sample of every province is recognised and explained; personal values never show."""

import json
import shutil
from pathlib import Path

import pytest
from support.nodes import ceg
from support.region import SAMPLES

from gateway.system import package_folder

FILES = sorted(
    file
    for file in SAMPLES.glob("*/samples/*/*")
    if file.parent.name in {"good", "feed"} and file.suffix in {".json", ".ndjson", ".xml", ".csv", ".xlsx"}
)
SH = SAMPLES / "shanghai" / "samples" / "good" / "sh.json"


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parents[2].name}-{file.name}")
def test_explain_when_region_is_not_given_then_guessed_and_rows_add_up(file: Path) -> None:
    ran = ceg("map", "explain", file, "--json")
    assert ran.code == 0, ran.err
    found = ran.document
    assert found["region"] == file.parents[2].name
    inside = sum(part["rows"] for part in found["parts"])
    assert found["rows_read"] == inside + len(found["quarantined"]) + len(found["ignored"])
    for part in found["parts"]:
        loss = part["loss"]
        settled = [line for line in loss["losses"] if line["fate"] in {"retained", "dropped", "refused"}]
        assert loss["values_read"] == loss["values_mapped"] + len(settled)


def test_explain_when_people_read_it_then_chinese_or_english_and_nothing_personal() -> None:
    zh, en = ceg("map", "explain", SH), ceg("map", "explain", SH, "--lang", "en")
    assert (zh.code, en.code) == (0, 0)
    assert "省份 shanghai,共 4 行,1 人" in zh.out
    assert "region shanghai: 4 rows, 1 learners" in en.out
    assert "100238845511" not in zh.out + en.out + ceg("map", "explain", SH, "--json").out


def test_explain_when_written_on_then_second_loss_is_told() -> None:
    ran = ceg("map", "explain", SH, "--to", "anhui", "--json")
    onward = ran.document["parts"][0]["to"]
    assert (onward["region"], onward["loss"]["direction"]) == ("anhui", "to_local")
    assert "写往 anhui" in ceg("map", "explain", SH, "--to", "anhui").out


def test_explain_when_damaged_row_then_shown_with_its_code() -> None:
    file = SH.with_name("one-damaged-row-beside-good-ones.json")
    assert "record." in ceg("map", "explain", file).out


def test_explain_when_no_region_fits_then_asks_and_with_a_region_names_the_fault(tmp_path: Path) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"\x00\x01\x02")
    ran = ceg("map", "explain", file, "--json")
    assert (ran.code, ran.out, ran.problem["code"]) == (2, "", "cli.region_unclear")
    ran = ceg("map", "explain", file, "--region", "shanghai", "--json")
    assert (ran.code, ran.problem["code"].split(".")[0]) == (4, "format")
    assert ceg("map", "explain", file, "--region", "fujian").code == 2
    assert ceg("map", "explain", tmp_path / "none").code == 3


def test_explain_when_manifest_given_then_file_is_one_part(tmp_path: Path) -> None:
    manifest = tmp_path / "m.json"
    manifest.write_text('{"ids":{"1":"AH-1"},"issues":{},"period":"2024-06"}')
    file = SAMPLES / "anhui" / "samples" / "good" / "one-course.csv"
    ran = ceg("map", "explain", file, "--manifest", manifest, "--json")
    assert ran.code == 0, ran.err
    assert [record["record"] for record in ran.document["parts"][0]["records"]] == ["AH-1"]
    manifest.write_text("[]")
    assert ceg("map", "explain", file, "--region", "anhui", "--manifest", manifest).code == 4


def test_check_when_built_in_then_four_rulesets() -> None:
    ran = ceg("map", "check", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [each["region"] for each in ran.document] == ["anhui", "jiangsu", "shanghai", "zhejiang"]
    assert "YRD-2024.1" in ceg("map", "check").out


def test_check_when_rules_are_wrong_then_exit_6_with_every_problem(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(package_folder() / "mapping" / "rules", folder)
    file = folder / "shanghai.toml"
    file.write_text(file.read_text("utf-8").replace('do = "account"', 'do = "acount"'), "utf-8")
    ran = ceg("map", "check", "--rules", folder, "--json")
    assert (ran.code, ran.out, ran.problem["code"]) == (6, "", "mapping.bad_ruleset")
    assert ran.problem["errors"]
    assert ceg("map", "check", "--rules", tmp_path).code == 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("shanghai/samples/bad/record.missing--no-cb-id.json", "record.missing"),
        ("shanghai/samples/bad/record.counter_mismatch--one-row-missing.json", "record.counter_mismatch"),
        ("jiangsu/samples/bad/record.unknown_version--bb-2.0.xml", "record.unknown_version"),
    ],
)
def test_explain_when_file_is_refused_whole_then_region_is_known_and_the_fault_named(name: str, code: str) -> None:
    ran = ceg("map", "explain", SAMPLES / name, "--json")
    told = ran.problem["code"] if ran.code else json.dumps(ran.document)
    assert code in told
    assert ran.code in {0, 4}
