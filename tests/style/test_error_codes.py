"""Every error code in the source is explained in docs/errors.md, and nothing else is."""

import ast
import csv
import re

from support.tree import ROOT, files, shown, text_of, tree_of

import gateway.errors as tree
from gateway.cli.faults import CliError
from gateway.federation.protocol import STATUS, status_of
from gateway.transferlog.leaf import TYPES

BRANCHES = (
    "format|record|mapping|recognition|catalogue|standard|trust|consent|transfer|peer|transferlog|evidence|erase|storage|settings|cli"
)
CODE = re.compile(rf"(?:{BRANCHES})\.[a-z0-9_]*[a-z0-9]")
OTHER_NAMES = {"trust.json"}
BOTH = {"consent.withdrawn"}
"""The name of a leaf and of the refusal of whatever comes after it."""
NOT_RAISED = {"gateway/cli/doctor.py", "gateway/cli/exits.py", "gateway/federation/protocol.py"}
"""Names of checks, and the two tables of statuses and exit codes, which raise nothing themselves."""
ENTRY = re.compile(r'^- <a id="([^"]+)"></a>`([^`]+)`(?: \((\d+)\))? (.+)$', re.MULTILINE)
CJK = re.compile(r"[\u4e00-\u9fff]")
LATIN = re.compile(r"[A-Za-z]{2}")
ERRORS = ROOT / "docs" / "errors.md"


def literals() -> set[str]:
    """String literals of a code's form, less the leaf types, which look alike."""
    return {
        node.value
        for path in files(".py", "gateway")
        if shown(path) not in NOT_RAISED
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and CODE.fullmatch(node.value)
        and node.value not in OTHER_NAMES | (TYPES.keys() - BOTH)
    }


def entries() -> dict[str, tuple[str, str]]:
    return {code: (status, text) for _, code, status, text in ENTRY.findall(text_of(ERRORS))}


def test_error_codes_when_source_and_page_are_compared_then_the_same() -> None:
    documented = {code for code in entries() if not code.startswith(("item.", "http."))}
    found = literals()
    assert (sorted(found - documented), sorted(documented - found)) == ([], [])


def test_item_reasons_when_table_and_page_are_compared_then_the_same() -> None:
    with (ROOT / "standards" / "codes" / "1.0" / "closed_reason.csv").open(encoding="utf-8") as file:
        reasons = {f"item.{row['code']}" for row in csv.DictReader(file)}
    assert {code for code in entries() if code.startswith("item.")} == reasons


def test_error_entries_when_read_then_in_both_languages_with_the_right_status_and_anchor() -> None:
    wrong = []
    for anchor, code, status, text in ENTRY.findall(text_of(ERRORS)):
        if not (CJK.search(text) and LATIN.search(text)) or code not in {anchor, "http.*"}:
            wrong.append(code)
        elif status and int(status) != status_of(code):
            wrong.append(f"{code} is {status_of(code)}")
    assert wrong == []


def test_branches_when_listed_then_each_has_a_section_with_fault_and_retry() -> None:
    text = text_of(ERRORS)
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    by_branch = {match[2].split(".")[0]: section for section in sections if (match := ENTRY.search(section))}
    classes = {
        each.branch for each in vars(tree).values() if isinstance(each, type) and issubclass(each, tree.GatewayError) and each.branch
    }
    for branch in classes | {CliError.branch}:
        assert "责任" in by_branch.get(branch, ""), branch
        assert "Retry" in by_branch[branch], branch


def test_status_table_when_read_then_it_names_no_code_that_nobody_raises() -> None:
    found = literals()
    assert [code for code in STATUS if "." in code and code not in found] == []
