"""`ceg report verify` and `ceg report prove`: the month's figures made again at the node, and from a copy of the log alone."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.log_folder import export
from support.nodes import ceg

from gateway.cli.sources import open_node
from gateway.crypto.keys import SigningKey
from gateway.formats import paper
from gateway.settings import Settings
from gateway.transfers.report_manifest import manifest_of, sign_manifest, write_manifest
from gateway.transfers.reports import K_DEFAULT, Query, Report, report


@dataclass
class Papers:
    """What the page on reports hands out, and the log as a folder."""

    made: Report
    key: SigningKey
    folder: Path
    log: Path

    def write(self, made: Report, name: str = "manifest.json") -> Path:
        manifest = manifest_of(made)
        file = self.folder / name
        file.write_bytes(write_manifest(manifest, sign_manifest(manifest, self.key)))
        return file


def month_of(node) -> str:
    leaf = json.loads(ceg("log", "head", "--config", node.config, "--json").out)
    assert leaf["size"] > 0
    return next(iter(ceg("report", "check", "--config", node.config, "--json").document["pairs"]))["period"]


@pytest.fixture
def papers(node, tmp_path: Path) -> Papers:
    async def read() -> Report:
        async with open_node(node.config, None) as opened:
            return await report(opened.database, Query(month_of_case, ("source", "accepting"), k=2))

    month_of_case = month_of(node)
    key = SigningKey.load(Settings.load(node.config).keys.signing_key_file)
    return Papers(asyncio.run(read()), key, tmp_path, export(node, tmp_path / "log"))


def test_report_when_proven_from_a_copy_of_the_log_then_the_figures_are_the_manifests(node, papers: Papers) -> None:
    manifest, csv, xlsx = papers.write(papers.made), papers.folder / "r.csv", papers.folder / "r.xlsx"
    csv.write_bytes(papers.made.csv())
    xlsx.write_bytes(papers.made.xlsx())
    for file in (csv, xlsx):
        proven = ceg("report", "prove", manifest, "--dir", papers.log, "--trust", node.trust, "--file", file, "--json")
        assert (proven.code, proven.document["verified"], proven.document["file"]) == (0, True, True), proven.err
    assert [list(row) for row in papers.made.rows] == proven.document["rows"]
    assert proven.document["rows"][-1][2] == "2"  # both cases of the node were submitted
    verified = ceg("report", "verify", manifest, "--config", node.config, "--file", csv, "--json")
    assert (verified.code, verified.document["verified"]) == (0, True)
    assert "to the byte" in ceg("report", "verify", manifest, "--config", node.config).out


def test_report_when_a_figure_file_or_leaf_is_another_then_found(node, papers: Papers) -> None:
    rows = [list(row) for row in papers.made.rows]
    rows[-1][2] = "3"
    forged = papers.write(replace(papers.made, rows=tuple(tuple(row) for row in rows)))
    for command in (("prove", forged, "--dir", papers.log, "--trust", node.trust), ("verify", forged, "--config", node.config)):
        ran = ceg("report", *command, "--json")
        assert (ran.code, ran.document["verified"], ran.document["finding"]) == (6, False, None)

    manifest, other = papers.write(papers.made), papers.folder / "other.csv"
    other.write_bytes(papers.made.csv() + b"\r\n")
    ran = ceg("report", "prove", manifest, "--dir", papers.log, "--trust", node.trust, "--file", other, "--json")
    assert (ran.code, ran.document["file"]) == (6, False)

    (bundle,) = (path for path in papers.log.glob("tile/entries/**/*") if path.is_file())
    raw = bundle.read_bytes()
    at = raw.index(b'"state_after":"settled"')
    bundle.write_bytes(raw[:at] + raw[at:].replace(b"settled", b"expired", 1))
    ran = ceg("report", "prove", manifest, "--dir", papers.log, "--trust", node.trust, "--json")
    assert (ran.code, ran.document["verified"], ran.document["finding"] is not None) == (6, False, True)


def test_report_when_its_root_is_not_the_logs_or_the_log_is_shorter_then_found(node, papers: Papers) -> None:
    for made in (replace(papers.made, root=b"\x01" * 32), replace(papers.made, size=papers.made.size + 7)):
        ran = ceg("report", "prove", papers.write(made), "--dir", papers.log, "--trust", node.trust, "--json")
        assert (ran.code, ran.document["verified"], ran.document["rows"]) == (6, False, None)
        assert ran.document["finding"]


def test_manifest_when_not_the_gateways_or_not_in_form_or_of_kinds_then_refused(node, papers: Papers) -> None:
    def prove(manifest: Path) -> int:
        return ceg("report", "prove", manifest, "--dir", papers.log, "--trust", node.trust).code

    manifest = papers.write(papers.made)
    stranger = replace(papers, key=SigningKey.generate("EdDSA")).write(papers.made, "stranger.json")
    assert (prove(manifest), prove(stranger)) == (0, 5)
    spoilt = papers.folder / "spoilt.json"
    for text in (b"{}", b"[]", manifest.read_bytes() + b" ", manifest.read_bytes().replace(b'"k":2', b'"k":1')):
        spoilt.write_bytes(text)
        assert prove(spoilt) == 4
    kinds = papers.write(replace(papers.made, query=Query(papers.made.query.period, ("kind",))), "kinds.json")
    assert prove(kinds) == 2
    assert ceg("report", "prove", manifest, "--trust", node.trust).code == 2
    places = papers.write(replace(papers.made, query=Query(papers.made.query.period, ("city",))), "places.json")
    assert prove(places) == 2
    shutil.rmtree(papers.log)
    assert prove(manifest) == 6


def test_report_when_made_as_a_file_then_its_own_by_manifest_and_options_and_verified_to_the_byte(node, papers: Papers) -> None:
    period, manifest = papers.made.query.period, papers.write(papers.made)
    for name in ("r.csv", "r.xlsx"):
        made = ceg("report", "make", manifest, "--out", papers.folder / name, "--config", node.config, "--json")
        assert (made.code, made.document["rows_sha256"]) == (0, papers.made.digest), made.err
    assert (papers.folder / "r.csv").read_bytes() == papers.made.csv()
    assert (papers.folder / "r.xlsx").read_bytes() == papers.made.xlsx()

    pdf = papers.folder / "r.pdf"
    assert ceg("report", "make", manifest, "--out", pdf, "--config", node.config).code == 0
    assert pdf.read_bytes().startswith(b"%PDF-")
    found = ceg("report", "verify", manifest, "--config", node.config, "--file", pdf, "--json")
    assert (found.code, found.document["file"]) == (0, True), found.err
    pdf.write_bytes(pdf.read_bytes().replace(b"%PDF-1.7", b"%PDF-1.6"))
    assert ceg("report", "verify", manifest, "--config", node.config, "--file", pdf).code == 6

    # By place, from the options; what is shown is nobody, or enough of them.
    out = papers.folder / "places.csv"
    assert ceg("report", "make", "--period", period, "--by", "kind,county", "--out", out, "--config", node.config).code == 0
    head, *rows = out.read_text("utf-8").splitlines()
    assert head == "kind,county,recognised,recognised_credits,other,items"
    counts = [each for row in rows for each in (row.split(",")[2], *row.split(",")[4:])]
    assert "*" in counts
    assert all(int(each) == 0 or int(each) >= K_DEFAULT for each in counts if each != "*")


def test_report_when_it_cannot_be_made_then_said_why_and_no_file_is_left(node, papers: Papers) -> None:
    out, manifest = papers.folder / "x.pdf", papers.write(papers.made)
    other = papers.write(replace(papers.made, root=b"\x01" * 32), "other.json")
    for arguments, code in (
        ((manifest,), 2),
        ((manifest, "--out", papers.folder / "x.doc"), 2),
        ((manifest, "--period", "2026", "--out", out), 2),
        (("--out", out), 2),
        (("--period", "2026-13", "--out", out), 2),
        (("--period", "2026", "--by", "county,kind", "--out", out), 2),
        (("--period", "2026", "--by", "month,source,accepting,kind,city", "--out", out), 2),
        (("--period", "2026", "--by", "county,learner", "--out", out), 2),
        ((other, "--out", out), 6),
    ):
        assert ceg("report", "make", *arguments, "--config", node.config).code == code, arguments
    assert not out.exists()


def test_report_when_it_has_more_rows_than_can_be_protected_then_refused_and_at_the_limit_made(node, papers: Papers) -> None:
    """10,000 values of one dimension, 1,000 combinations of several: docs/statistics.md."""
    out = papers.folder / "wide.csv"

    def made(by: str, institutions: int) -> tuple[int, str]:
        out.unlink(missing_ok=True)
        with closing(sqlite3.connect(node.database)) as connection, connection:
            connection.execute("DELETE FROM tally WHERE measure = 'issuer'")
            rows = [(f"COURSE/recognised/{number:010}", 9) for number in range(institutions)]
            connection.executemany("INSERT INTO tally VALUES ('issuer', '2026-11-02', 'CN-31', 'CN-32', ?, ?, 0)", rows)
        ran = ceg("report", "make", "--period", "2026-11", "--by", by, "--out", out, "--config", node.config, "--json")
        assert out.exists() is (ran.code == 0), ran.err
        return ran.code, "" if ran.code == 0 else ran.problem["code"]

    too_wide = (8, "transfer.report_too_wide")
    assert made("kind,institution", 1_000) == (0, "")
    assert len(out.read_text("utf-8").splitlines()) == 1 + 1_000 + 1 + 1_000 + 1, "each, of the kind, of each institution, all"
    assert made("kind,institution", 1_001) == too_wide
    assert made("institution", 1_001) == (0, ""), "of one dimension more are allowed"
    assert made("institution", 10_001) == too_wide


def test_report_when_the_extra_for_pdf_is_not_installed_then_named_and_the_other_files_are_made(
    node, papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "find_spec", lambda _name: None)
    manifest, out = papers.write(papers.made), papers.folder / "x.pdf"
    ran = ceg("report", "make", manifest, "--out", out, "--config", node.config, "--json")
    assert (ran.code, ran.problem["code"], out.exists()) == (4, "format.pdf_not_installed", False)
    said = ceg("report", "make", manifest, "--out", out, "--config", node.config).err
    assert 'pip install "credit-exchange-gateway[pdf]"' in said.replace("\n", " ")
    assert ceg("report", "make", manifest, "--out", papers.folder / "x.xlsx", "--config", node.config).code == 0
    out.write_bytes(b"%PDF-1.7")
    ran = ceg("report", "verify", manifest, "--file", out, "--config", node.config, "--json")
    assert (ran.code, ran.problem["code"]) == (4, "format.pdf_not_installed"), "not called wrong because it cannot be compared"
