"""`ceg rule` and `ceg quote`: judged at once, compared in words, tried out, and read before anyone applies."""

from pathlib import Path

from support.nodes import ceg
from support.rules import RULE_SETS

XZGL = RULE_SETS / "demo-xzgl.toml"
SAMPLES = Path(__file__).parents[3] / "gateway/adapters/shanghai/samples/good"
DAY = ("--at", "2026-09-15")


def changed(tmp_path: Path, old: str, new: str, name: str = "mine.toml") -> Path:
    """The demonstration rules with one thing written otherwise."""
    text = XZGL.read_text("utf-8")
    assert old in text
    path = tmp_path / name
    path.write_text(text.replace(old, new), "utf-8")
    return path


def test_lint_when_nothing_is_wrong_then_exit_0_and_with_findings_exit_6_and_their_lines(tmp_path: Path) -> None:
    ran = ceg("rule", "lint", str(XZGL), "--json", *DAY)
    assert (ran.code, ran.document) == (0, {"valid": True, "problems": []})
    spoilt = changed(tmp_path, 'credit_step = "0.5"', 'credit_step = "0.5"\npoints_per_credit = "16"')
    ran = ceg("rule", "lint", str(spoilt), "--json", *DAY)
    line = spoilt.read_text("utf-8").splitlines().index('points_per_credit = "16"') + 1
    assert ran.code == 6
    assert ran.document["problems"][0]["path"].startswith(f"mine.toml:{line}: caps.points_per_credit")
    assert "mine.toml" in ceg("rule", "lint", str(spoilt), *DAY).out


def test_lint_when_the_review_has_passed_then_a_finding() -> None:
    found = ceg("rule", "lint", str(XZGL), "--json", "--at", "2028-12-01").document["problems"]
    assert "recognition.review_passed" in {each["code"] for each in found}


def test_diff_when_a_cap_is_lowered_then_told_in_both_languages(tmp_path: Path) -> None:
    newer = changed(tmp_path, 'programme_percent = "50"', 'programme_percent = "40"')
    (change,) = ceg("rule", "diff", str(XZGL), str(newer), "--json").document
    assert (change["what"], change["where"]) == ("changed", "caps.programme_percent")
    assert "50" in change["zh"]
    assert "40" in change["en"]
    assert ceg("rule", "diff", str(XZGL), str(XZGL)).out.startswith("没有差别")


def test_simulate_when_a_draft_gives_more_than_before_then_the_item_is_listed(tmp_path: Path) -> None:
    found = ceg("rule", "simulate", str(XZGL), str(SAMPLES / "sh.json"), "--json", *DAY).document
    assert (found["gained"], found["credits_before"], found["credits_after"]) == (1, "0.0", "4.0")
    assert [(each["record"], each["rule_after"]) for each in found["changes"]] == [("SHC20230098812", "xz-management")]
    same = ceg("rule", "simulate", "--old", str(XZGL), str(XZGL), str(SAMPLES / "sh.json"), "--json", *DAY).document
    assert (same["items"], same["unchanged"], same["changes"]) == (found["items"], found["items"], [])
    assert "xz-management" in ceg("rule", "simulate", str(XZGL), str(SAMPLES / "sh.json"), *DAY).out


def test_current_when_a_newer_version_has_begun_then_that_one_and_past_its_review_none(tmp_path: Path) -> None:
    newer = changed(tmp_path, 'version = "2026.1"\n', 'version = "2027.1"\n', "a.toml")
    newer.write_text(newer.read_text("utf-8").replace("effective = 2026-01-01", "effective = 2027-01-01"), "utf-8")

    def on(day: str) -> tuple[int, str | None]:
        ran = ceg("rule", "current", str(XZGL), str(newer), "--at", day, "--json")
        return ran.code, ran.document["in_force"]

    assert on("2026-06-01") == (0, "2026.1")
    assert on("2027-06-01") == (0, "2027.1")
    assert on("2028-09-01") == (3, None)


def test_quote_when_a_bank_file_is_given_then_each_item_with_its_reason_in_both_languages() -> None:
    (found,) = ceg("quote", str(SAMPLES / "sh.json"), "--rules", str(XZGL), "--json", *DAY).document
    assert (found["submitted"], found["recognised"], found["refused"], found["exact"]) == ("5.0", "4.0", "1.0", True)
    told = ceg("quote", str(SAMPLES / "sh.json"), "--rules", str(XZGL), *DAY).out
    assert "认定为课程 XZ004《管理学基础》" in told
    assert "it was not passed" in told


def test_quote_when_the_rules_do_not_hold_that_day_then_exit_8_and_why(tmp_path: Path) -> None:
    later = changed(tmp_path, "effective = 2026-01-01", "effective = 2026-10-01")
    ran = ceg("quote", str(SAMPLES / "sh.json"), "--rules", str(later), "--json", *DAY)
    assert ran.code == 8
    assert (ran.problem["code"], ran.problem["errors"][0]["code"]) == ("cli.rules_not_for_this", "recognition.not_in_force")


def test_quote_when_no_programme_fits_then_exit_2() -> None:
    ran = ceg("quote", str(SAMPLES / "sh.json"), "--rules", str(XZGL), "--json", "--at", "2024-01-01")
    assert (ran.code, ran.problem["code"]) == (2, "cli.usage")
