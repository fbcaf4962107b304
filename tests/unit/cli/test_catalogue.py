"""`ceg catalogue`: look, search, bring in, take out, check; nothing is written by halves."""

import json
import shutil
from pathlib import Path

import pytest
from support.catalogues import STANDARDS, codes, demonstration
from support.nodes import ceg

from gateway.recognition.catalogue import Table
from gateway.recognition.catalogue_files import FileForm, read_catalogue
from gateway.recognition.rule_file import load_rules

DAY = ("--at", "2026-11-22")
SHIPPED = STANDARDS / "catalogue" / "demo-1.0"


def copy(tmp_path: Path) -> Path:
    """A catalogue folder that a test may spoil."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "mine"))


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_list_when_asked_then_every_entry_and_whether_it_may_be_used() -> None:
    ran = ceg("catalogue", "list", "--json", *DAY)
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.document) == sum(1 for _ in demonstration().entries())
    assert {each["id"]: each["why"] for each in ran.document if not each["usable"]} == {
        "DEMO-K-020": "catalogue.expired", "DEMO-K-021": "catalogue.not_active", "DEMO-X-009": "catalogue.not_active",
    }  # fmt: skip
    usable = ceg("catalogue", "list", "--table", "certificates", "--usable", "--json", *DAY).document
    assert len(usable) == 14
    assert all(each["demo"] for each in usable)


def test_demonstration_when_shown_to_people_then_said_to_be_made_up_every_time() -> None:
    for words in (("list",), ("search", "kj"), ("show", "DEMO-C-101"), ("check",), ("draft", "DEMO-D-03", "--accepting", "CN-32")):
        ran = ceg("catalogue", *words, *DAY)
        assert "演示数据" in ran.err
        assert "Demonstration data" in ran.err


def test_search_when_pinyin_is_typed_then_found_with_what_matched() -> None:
    found = ceg("catalogue", "search", "xzgl", "--table", "courses", "--json", *DAY).document
    assert (found[0]["title"], found[0]["by"]) == ("行政管理学", "initials")
    assert "基础会计" in ceg("catalogue", "search", "kj").out
    assert ceg("catalogue", "search", "天文学", "--json").document == []
    assert len(ceg("catalogue", "search", "会计", "--limit", "2", "--json").document) == 2


def test_search_when_usage_is_wrong_then_exit_2() -> None:
    assert ceg("catalogue", "search", "").code == 2
    assert ceg("catalogue", "search", "kj", "--limit", "0", "--json").problem["code"] == "catalogue.bad_query"
    assert ceg("catalogue", "search", "kj", "--table", "programme_courses").code == 2
    assert ceg("catalogue", "list", "--at", "soon").code == 2


def test_show_when_asked_then_fields_panel_and_what_rests_on_it() -> None:
    found = ceg("catalogue", "show", "DEMO-X-003", "--json", *DAY).document
    assert (found["table"], found["usable"], found["entry"]["credits"]) == ("certificates", True, 7)
    assert [(each["id"], each["carried"], each["votes_for"]) for each in found["dossiers"]] == [("DEMO-D-03", True, 6)]
    used = ceg("catalogue", "show", "DEMO-C-111", "--json", *DAY).document["used_by"]
    assert {"descriptions DEMO-S-111@1", "criteria DEMO-K-018@1", "certificates DEMO-X-003@1", "dossiers DEMO-D-03@1"} <= set(used)
    text = ceg("catalogue", "show", "DEMO-X-009", *DAY).out
    assert "catalogue.not_active" in text
    assert "专家评议档案" in text


def test_show_when_versions_follow_each_other_then_the_one_of_the_day() -> None:
    assert ceg("catalogue", "show", "DEMO-K-020", "--json", *DAY).document["entry"]["version"] == 2
    assert ceg("catalogue", "show", "DEMO-K-020", "--json", "--at", "2025-06-01").document["entry"]["version"] == 1


def test_show_when_unknown_then_exit_3() -> None:
    ran = ceg("catalogue", "show", "NOBODY", "--json")
    assert (ran.code, ran.out, ran.problem["code"]) == (3, "", "catalogue.unknown_entry")


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_export_when_imported_again_then_the_same_catalogue(tmp_path: Path, form: str) -> None:
    out = tmp_path / ("all.json" if form == "json" else "out")
    ran = ceg("catalogue", "export", out, "--format", form, "--chinese", "--json")
    assert ran.code == 0, ran.err
    assert (ran.document["written"], ran.document["demo"], ran.document["rows"]["courses"]) == (True, True, 26)
    into = tmp_path / "again"
    assert ceg("catalogue", "import", out, "--into", into, "--json").code == 0
    files = held(into)
    assert files == {name: content for name, content in held(SHIPPED).items() if name != "README.md"}
    assert read_catalogue(files, codes()) == demonstration()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, "again"])


def test_export_when_one_table_then_one_file_by_its_ending(tmp_path: Path) -> None:
    for form in FileForm:
        out = tmp_path / f"courses.{form.value}"
        assert ceg("catalogue", "export", out, "--table", "courses").code == 0
        assert read_catalogue({out.name: out.read_bytes()}, codes(), base=demonstration()) == demonstration()
    assert ceg("catalogue", "export", tmp_path / "all.csv").code == 2
    assert ceg("catalogue", "export", tmp_path / "folder", "--format", "json").code == 2


def test_export_when_something_is_there_then_not_replaced_without_yes(tmp_path: Path) -> None:
    out = tmp_path / "all.json"
    out.write_text("mine")
    ran = ceg("catalogue", "export", out, "--json")
    assert (ran.code, ran.problem["code"], out.read_text()) == (8, "cli.file_exists", "mine")
    assert ceg("catalogue", "export", out, "--yes").code == 0
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_text("meow")
    assert ceg("catalogue", "export", folder, "--yes").code == 8
    assert held(folder) == {"cat.jpg": b"meow"}
    assert ceg("catalogue", "export", tmp_path / "no" / "where").code == 3


def test_dry_run_when_writing_then_told_and_nothing_written(tmp_path: Path) -> None:
    ran = ceg("catalogue", "export", tmp_path / "out", "--dry-run", "--json")
    assert (ran.code, ran.document["written"]) == (0, False)
    ran = ceg("catalogue", "import", SHIPPED, "--into", tmp_path / "into", "--dry-run")
    assert ran.code == 0
    assert "试运行" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_import_when_one_table_is_given_then_the_others_stay_and_the_readme_too(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    table = tmp_path / "courses.csv"
    text = (SHIPPED / "courses.csv").read_text("utf-8-sig").replace("行政管理原理", "行政管理导论")
    table.write_bytes(text.encode("gb18030"))
    assert ceg("catalogue", "import", table, "--into", folder).code == 8
    assert held(folder) == held(SHIPPED)
    assert ceg("catalogue", "import", table, "--into", folder, "--yes").code == 0
    now = held(folder)
    assert set(now) == set(held(SHIPPED))
    assert {name for name in now if now[name] != (SHIPPED / name).read_bytes()} == {"courses.csv"}
    assert ceg("catalogue", "search", "导论", "--catalogue", folder, "--json").document[0]["id"] == "DEMO-C-101"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["courses.csv", "mine"]


def test_import_when_anything_is_wrong_then_everything_is_told_and_nothing_changed(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    before = held(folder)
    for table, old, new in (("courses", "54", "many"), ("certificates", "HRSS", "HRS")):
        text = (SHIPPED / f"{table}.csv").read_text("utf-8-sig").replace(old, new)
        (tmp_path / f"{table}.csv").write_text(text, "utf-8-sig")
    ran = ceg("catalogue", "import", tmp_path / "courses.csv", tmp_path / "certificates.csv", "--into", folder, "--yes", "--json")
    assert (ran.code, ran.out, ran.problem["code"]) == (4, "", "catalogue.invalid")
    places = {each["path"].split(":")[0] for each in ran.problem["errors"]}
    assert places == {"courses", "certificates"}
    assert held(folder) == before


def test_import_when_into_a_json_file_then_one_document(tmp_path: Path) -> None:
    into = tmp_path / "all.json"
    assert ceg("catalogue", "import", SHIPPED, "--into", into).code == 0
    assert json.loads(into.read_bytes())["demo"] is True
    assert ceg("catalogue", "check", into, *DAY).code == 0


def test_import_when_nothing_or_twice_the_same_is_given_then_refused(tmp_path: Path) -> None:
    assert ceg("catalogue", "import", tmp_path / "none.csv", "--into", tmp_path / "x").code == 3
    (tmp_path / "empty").mkdir()
    assert ceg("catalogue", "import", tmp_path / "empty", "--into", tmp_path / "x").code == 3
    table = SHIPPED / "courses.csv"
    assert ceg("catalogue", "import", table, table, "--into", tmp_path / "x").code == 2


def test_check_when_all_is_well_then_exit_0_and_later_exit_6(tmp_path: Path) -> None:
    ran = ceg("catalogue", "check", "--json", *DAY)
    assert (ran.code, ran.document) == (0, {"valid": True, "problems": [], "stale": [], "review_soon": []})
    soon = ceg("catalogue", "check", "--json", "--at", "2028-12-01")
    assert (soon.code, "courses DEMO-C-101@1" in soon.document["review_soon"]) == (0, True)
    late = ceg("catalogue", "check", "--json", "--at", "2029-01-01")
    assert late.code == 6
    stale = {each["path"]: each["code"] for each in late.document["stale"]}
    assert stale["courses DEMO-C-101@1"] == "catalogue.review_overdue"
    assert not {"criteria DEMO-K-021@1", "certificates DEMO-X-009@1", "criteria DEMO-K-020@1"} & set(stale)
    folder = copy(tmp_path)
    (folder / "courses.csv").write_text("id,title\n1,x\n", "utf-8-sig")
    wrong = ceg("catalogue", "check", folder, "--json", *DAY)
    assert (wrong.code, wrong.document["valid"]) == (6, False)
    assert "courses:1" in ceg("catalogue", "check", folder, *DAY).out


def test_shipped_catalogue_when_a_byte_differs_then_the_manifest_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(STANDARDS, tmp_path / "standards")
    file = tmp_path / "standards" / "catalogue" / "demo-1.0" / "courses.csv"
    file.write_bytes(file.read_bytes().replace("行政管理原理".encode(), "行政管理原則".encode()))
    monkeypatch.setattr("gateway.cli.catalogue_source.data_folder", lambda name: tmp_path / name)
    ran = ceg("catalogue", "list", "--json")
    assert (ran.code, ran.problem["code"]) == (4, "standard.checksum")


def test_draft_when_carried_then_a_rule_file_on_stdout() -> None:
    ran = ceg("catalogue", "draft", "DEMO-D-03", "--accepting", "CN-32", *DAY)
    assert ran.code == 0, ran.err
    assert len(load_rules("draft.toml", ran.out.encode(), codes()).rules) == 6
    found = ceg("catalogue", "draft", "DEMO-D-03", "--accepting", "CN-32", "--json", *DAY).document
    assert (found["demo"], found["toml"]) == (True, ran.out)
    assert ceg("catalogue", "draft", "DEMO-D-07", "--accepting", "CN-32").code == 4
    assert ceg("catalogue", "draft", "DEMO-D-03", "--accepting", "CN-99").code != 0


def test_folder_when_it_holds_what_is_no_table_then_told(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "teachers.csv").write_text("a")
    assert ceg("catalogue", "list", "--catalogue", folder, "--json").problem["errors"][0]["code"] == "catalogue.unknown_table"
    for number in range(40):
        (folder / f"x{number}.csv").write_text("a")
    assert ceg("catalogue", "list", "--catalogue", folder).code == 4
    assert {table.value for table in Table} >= {path.stem for path in SHIPPED.glob("*.csv")}
