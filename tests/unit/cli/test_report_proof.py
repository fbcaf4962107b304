"""`ceg report verify` and `ceg report prove`: the month's figures made again at the node, and from a copy of the log alone."""

import asyncio
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.log_folder import export
from support.nodes import ceg

from gateway.cli.sources import open_node
from gateway.crypto.keys import SigningKey
from gateway.settings import Settings
from gateway.transfers.report_manifest import manifest_of, sign_manifest, write_manifest
from gateway.transfers.reports import Query, Report, report


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
    shutil.rmtree(papers.log)
    assert prove(manifest) == 6
