"""Code tables: reading, looking up, checksums; and that the tables of the standard say what the model says."""

import csv
import importlib.util
import re
import shutil
import tomllib
from decimal import Decimal
from hashlib import sha256
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.errors import StandardError
from gateway.model.codes import FILE_BYTES_MAX, load_code_tables, read_code_set, read_manifest, read_verified
from gateway.model.identifiers import certificate_scheme
from gateway.model.regional import LEARNER_FIELDS, RECORD_FIELDS, Band, Fate, Kind, Scale

STANDARDS = Path(__file__).parents[3] / "standards"
FOLDER = STANDARDS / "codes" / "1.0"
FILES = sorted(path for path in STANDARDS.rglob("*") if path.suffix in {".csv", ".xsd"})
PLAIN = "code,zh,en,aliases\nA,甲,first,一 壹\nB,乙,second,\n"


@pytest.fixture(scope="module")
def tables():
    return load_code_tables(STANDARDS)


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("refresh_manifest", STANDARDS / "refresh_manifest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path):
    target = tmp_path / "standards"
    (target / "codes" / "1.0").mkdir(parents=True)
    rows = []
    for name in ("season", "confidence"):
        shutil.copy(FOLDER / f"{name}.csv", target / "codes" / "1.0")
        digest = sha256((FOLDER / f"{name}.csv").read_bytes()).hexdigest()
        rows.append(f'[[file]]\npath = "codes/1.0/{name}.csv"\nsha256 = "{digest}"\n')
    (target / "MANIFEST.toml").write_text("".join(rows), encoding="utf-8")
    return target


def refused(action, *arguments):
    with pytest.raises(StandardError) as caught:
        action(*arguments)
    return caught.value


# -- reading one table --


def test_read_code_set_when_well_formed_then_rows_in_order():
    table = read_code_set("letters", "1.0", PLAIN)
    assert [entry.code for entry in table] == ["A", "B"]
    assert (len(table), "A" in table, "C" in table, table.get("C")) == (2, True, False, None)
    assert table.require("B").zh == "乙"
    assert table.find("壹").code == "A"
    assert table.find("一 壹") is None
    assert [entry.code for entry in table.where("aliases", "")] == ["B"]


def test_require_when_code_unknown_then_standard_error_with_the_set():
    error = refused(read_code_set("letters", "1.0", PLAIN).require, "C")
    assert error.code == "standard.unknown_code"
    assert error.facts == {"code_set": "letters", "version": "1.0", "value": "C"}


@pytest.mark.parametrize("code", ["340111197906155039", "王强"])
def test_require_when_value_may_be_personal_then_it_is_not_repeated(code):
    error = refused(read_code_set("letters", "1.0", PLAIN).require, code)
    assert code not in f"{error} {error.zh} {error.facts}"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", ["row 1"]),
        ("zh,code,en\n", ["row 1"]),
        ("code,zh,en,x,x\n", ["row 1"]),
        ("code,zh,en\nA,甲,a\nA,乙,b\nB,丙\n,丁,d\nE,,e\n", ["row 3", "row 4", "row 5", "row 6"]),
        ("code,zh,en,aliases\nA,甲,a,一\nB,乙,b,一\n", ["row 3"]),
        ('code,zh,en\nA,"甲,a\n', ["row 2"]),
    ],
)
def test_read_code_set_when_malformed_then_every_bad_row_is_named(text, rows):
    error = refused(read_code_set, "letters", "1.0", text)
    assert error.code == "standard.bad_table"
    assert [problem.path for problem in error.problems] == rows


# -- the folder and its manifest --


def test_load_code_tables_when_copy_is_true_then_both_tables(copy):
    tables = load_code_tables(copy)
    assert set(tables.sets) == {"season", "confidence"}
    assert "season" in tables
    assert tables.lookup("season", "SPRING") is tables.require("season", "SPRING")
    assert tables.lookup("season", "WINTER") is None
    assert tables.lookup("seasons", "SPRING") is None
    assert refused(tables.require, "season", "WINTER").code == "standard.unknown_code"
    assert refused(tables.require, "seasons", "SPRING").code == "standard.unknown_code_set"


def test_load_code_tables_when_changed_missing_or_unlisted_then_all_are_named(copy):
    folder = copy / "codes" / "1.0"
    (folder / "season.csv").write_bytes((folder / "season.csv").read_bytes().replace("春".encode(), "秋".encode(), 1))
    (folder / "confidence.csv").unlink()
    (folder / "extra.csv").write_text(PLAIN, encoding="utf-8")
    error = refused(load_code_tables, copy)
    assert error.code == "standard.checksum"
    assert [problem.path for problem in error.problems] == [f"codes/1.0/{name}.csv" for name in ("confidence", "extra", "season")]


def test_load_code_tables_when_file_too_big_then_refused(copy):
    (copy / "codes" / "1.0" / "season.csv").write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    (problem,) = refused(load_code_tables, copy).problems
    assert problem.path == "codes/1.0/season.csv"
    assert "too big" in problem.en


def test_load_code_tables_when_version_unknown_then_refused(copy):
    assert refused(load_code_tables, copy, "9.9").code == "standard.checksum"


@pytest.mark.parametrize("text", [None, "not toml", "[file]\n", '[[file]]\npath = "a"\n', "file = 3\n", 'file = ["a"]\n'])
def test_read_manifest_when_unreadable_then_standard_error(copy, text):
    (copy / "MANIFEST.toml").unlink()
    if text is not None:
        (copy / "MANIFEST.toml").write_text(text, encoding="utf-8")
    assert refused(read_manifest, copy).code == "standard.bad_manifest"


def test_load_code_tables_when_not_utf8_then_bad_table(copy):
    raw = "code,zh,en\nA,甲,a\n".encode("gb18030")
    (copy / "codes" / "1.0" / "season.csv").write_bytes(raw)
    manifest = copy / "MANIFEST.toml"
    old = sha256((FOLDER / "season.csv").read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(old, sha256(raw).hexdigest()), encoding="utf-8")
    assert refused(load_code_tables, copy).code == "standard.bad_table"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_manifest_when_recomputed_then_every_checksum_and_fact_is_there(path):
    rows = tomllib.loads((STANDARDS / "MANIFEST.toml").read_text(encoding="utf-8"))["file"]
    (row,) = [row for row in rows if row["path"] == path.relative_to(STANDARDS).as_posix()]
    assert row["sha256"] == sha256(path.read_bytes()).hexdigest()
    assert all(row[key] for key in ("source", "licence", "note"))
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["date"])


def test_manifest_when_compared_with_the_folder_then_no_file_is_missing():
    assert set(read_manifest(STANDARDS)) == {path.relative_to(STANDARDS).as_posix() for path in FILES}


def test_refresh_manifest_when_a_file_changed_then_notes_are_kept_and_digest_is_new(copy, script):
    manifest = copy / "MANIFEST.toml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("\nsha256", '\nnote = "kept 说明"\nsha256'), encoding="utf-8")
    (copy / "codes" / "1.0" / "extra.csv").write_text(PLAIN, encoding="utf-8")
    manifest.write_text(script.manifest_text(copy, "2026-01-31"), encoding="utf-8")
    rows = {row["path"]: row for row in tomllib.loads(manifest.read_text(encoding="utf-8"))["file"]}
    assert rows["codes/1.0/season.csv"]["note"] == "kept 说明"
    assert rows["codes/1.0/extra.csv"]["date"] == "2026-01-31"
    assert set(read_verified(copy, "codes/1.0", ".csv")) == {"season.csv", "confidence.csv", "extra.csv"}


def test_refresh_manifest_when_nothing_changed_then_the_stored_text(script):
    assert script.manifest_text(STANDARDS, "2026-01-31") == (STANDARDS / "MANIFEST.toml").read_text(encoding="utf-8")


# -- the tables of the standard --


def test_tables_when_a_field_names_a_code_set_then_it_exists(tables):
    named = {field.codes for field in (*LEARNER_FIELDS, *RECORD_FIELDS) if field.codes}
    assert named
    assert {set_id for set_id in named if set_id not in tables} == set()


@pytest.mark.parametrize(("set_id", "enum"), [("achievement_kind", Kind), ("grade_band", Band), ("grade_scale", Scale), ("fate", Fate)])
def test_tables_when_the_model_has_an_enum_then_the_same_codes(tables, set_id, enum):
    assert [entry.code for entry in tables[set_id]] == [member.value for member in enum]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_table_when_read_as_bytes_then_plain_utf8_without_stray_blanks(path):
    raw = path.read_bytes()
    assert not raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    for cells in csv.reader(StringIO(raw.decode("utf-8"))):
        assert cells == [cell.strip() for cell in cells]


def test_tables_when_english_is_missing_then_only_for_places(tables):
    assert {table.id for table in tables.sets.values() for entry in table if not entry.en} == {"gbt2260"}


def test_gbt2260_when_well_known_places_looked_up_then_found(tables):
    places = tables["gbt2260"]
    assert len(places) > 6000
    assert sum(entry.columns["level"] == "province" for entry in places) == 34
    for code, name in {"310000": "上海市", "320500": "苏州市", "330106": "西湖区", "340111": "包河区", "330114": "钱塘区"}.items():
        assert (places.require(code).zh, places.require(code).withdrawn) == (name, False)
    assert places.require("340111").columns["former"] == "郊区"
    assert tables.lookup("gbt2260", "999999") is None


@pytest.mark.parametrize(
    ("code", "name", "until", "by"),
    [
        ("310108", "闸北区", "2015", "310106"),
        ("310119", "南汇区", "2008", "310115"),
        ("310230", "崇明县", "2016", "310151"),
        ("320503", "平江区", "2011", "320508"),
        ("330103", "下城区", "2020", "330105"),
        ("330183", "富阳市", "2014", "330111"),
        ("340221", "芜湖县", "2020", "340210"),
    ],
)
def test_gbt2260_when_code_withdrawn_then_kept_with_its_last_year(tables, code, name, until, by):
    entry = tables.require("gbt2260", code)
    assert (entry.zh, entry.withdrawn, entry.columns["valid_until"], entry.replaced_by) == (name, True, until, by)


def test_gbt2260_when_any_row_then_shape_years_and_successors_hold(tables):
    places = tables["gbt2260"]
    for entry in places:
        row = entry.columns
        assert re.fullmatch(r"[1-8]\d{5}", entry.code)
        assert row["level"] in {"province", "prefecture", "county", "group", "permit"}
        assert not row["valid_until"] or row["valid_from"] <= row["valid_until"]
        assert not entry.replaced_by or (entry.withdrawn and entry.replaced_by in places and entry.replaced_by != entry.code)
        parent = places.get(entry.code[:4] + "00")
        assert entry.withdrawn or row["level"] != "county" or parent or entry.code[2:4] in {"01", "02", "90"}, entry


def test_gbt3304_when_counted_then_56_peoples_and_flagged_additions(tables):
    peoples = tables["gbt3304"]
    own = [entry for entry in peoples if entry.columns["local"] == "no"]
    assert [entry.code for entry in own] == [f"{number:02d}" for number in range(1, 57)]
    assert len({entry.columns["letters"] for entry in own}) == 56
    assert (own[0].columns["letters"], own[-1].columns["letters"]) == ("HA", "JN")
    assert {entry.code for entry in peoples.where("local", "yes")} == {"57", "97", "98"}


def test_gbt4658_when_digits_collide_then_meanings_differ_between_versions(tables):
    for code in ("11", "19", "28", "42", "48", "49", "62", "63", "73", "90"):
        assert tables.require("gbt4658-1984", code).zh != tables.require("gbt4658-2006", code).zh


def test_gbt4658_crosswalk_when_complete_then_targets_exist_and_agree_with_confidence(tables):
    crosswalk = tables["gbt4658-crosswalk"]
    assert [entry.code for entry in crosswalk] == [entry.code for entry in tables["gbt4658-1984"]]
    for entry in crosswalk:
        confidence, target = entry.columns["confidence"], entry.columns["target"]
        assert confidence in tables["confidence"]
        assert (confidence == "none") is (target == "")
        assert not target or target in tables["gbt4658-2006"]
        assert (confidence == "exact") is (entry.columns["note_zh"] == "")
    exact = [entry.columns["target"] for entry in crosswalk.where("confidence", "exact")]
    assert len(set(exact)) == len(exact)


@pytest.mark.parametrize(
    ("code", "target", "confidence"),
    [("31", "31", "exact"), ("42", "41", "approximate"), ("62", "44", "exact"), ("90", "90", "approximate"), ("28", "", "none")],
)
def test_gbt4658_crosswalk_when_a_trap_is_looked_up_then_the_meaning_is_kept(tables, code, target, confidence):
    row = tables.require("gbt4658-crosswalk", code).columns
    assert (row["target"], row["confidence"]) == (target, confidence)


def test_skill_level_when_ranked_then_five_is_lowest_of_the_five_and_one_highest(tables):
    levels = tables["skill_level"]
    ranked = sorted(levels, key=lambda entry: int(entry.columns["rank"]))
    assert [entry.code for entry in ranked] == ["APPRENTICE", "5", "4", "3", "2", "1", "SPECIAL", "CHIEF"]
    for text, code in {"初级工": "5", "四级/中级工": "4", "高级工": "3", "技师": "2", "高级技师": "1", "三级": "3"}.items():
        assert levels.find(text).code == code


@pytest.mark.parametrize("text", ["初级", "中级", "高级", "5", ""])
def test_skill_level_when_wording_does_not_name_its_scheme_then_nothing_is_found(tables, text):
    assert tables["skill_level"].find(text) is None


def test_grade_band_when_bounds_read_then_they_touch_and_words_are_known(tables):
    bands = tables["grade_band"]
    graded = [entry for entry in bands if entry.columns["percent_from"]]
    assert [entry.code for entry in graded] == ["A", "B", "C", "D", "F"]
    for upper, lower in pairwise(graded):
        assert Decimal(upper.columns["percent_from"]) == Decimal(lower.columns["percent_below"])
    assert [bands.find(word).code for word in "优良中及不"] == ["A", "B", "C", "D", "F"]
    assert bands.find("合格").code == "P"


def test_level_crosswalk_when_read_then_whole_rising_and_exact_is_one_to_one(tables):
    crosswalk = tables["level-crosswalk"]
    for framework in tables["level_framework"]:
        rows = crosswalk.where("framework", framework.code)
        assert len(rows) == int(framework.columns["levels"])
        assert (rows[0].columns["level"], rows[-1].columns["level"]) == (framework.columns["lowest"], framework.columns["highest"])
        regional = [int(row.columns["regional"]) for row in rows]
        assert regional == sorted(regional)
        assert all(1 <= level <= 10 for level in regional)
        assert all(row.code == f"{framework.code}:{row.columns['level']}" for row in rows)
        assert all(row.columns["confidence"] in {"exact", "approximate"} for row in rows)
        exact = [row.columns["regional"] for row in rows if row.columns["confidence"] == "exact"]
        assert len(set(exact)) == len(exact)
    assert {row.columns["framework"] for row in crosswalk} == {entry.code for entry in tables["level_framework"]}


def test_certificate_scheme_when_compared_with_the_reader_then_the_same_codes(tables):
    texts = ("S000032000117234000456", "2233000000401187", "A-1")
    assert [entry.code for entry in tables["certificate_scheme"]] == [certificate_scheme(text) for text in texts]


def test_readme_when_listing_the_sets_then_every_set_is_named(tables):
    text = (STANDARDS / "README.md").read_text(encoding="utf-8")
    assert {set_id for set_id in tables.sets if f"`{set_id}`" not in text} == set()


def test_members_when_read_then_four_banks_and_the_gateway(tables):
    members = tables["member"]
    assert [entry.code for entry in members] == ["CN-31", "CN-32", "CN-33", "CN-34", "CN-YRD"]
    for entry in members.where("role", "bank"):
        assert tables.require("gbt2260", entry.columns["province"]).code[:2] == entry.code[-2:]
