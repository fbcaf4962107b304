"""The files of the page on reports: one manifest for all, the same bytes after the log has grown, and nothing that was not signed."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from support.browser import Stage

from gateway.federation.envelope import verify_detached
from gateway.simulator.canaries import canaries_of
from gateway.simulator.script import Script
from gateway.transfers.report_manifest import TYP_REPORT, read_manifest

pytestmark = pytest.mark.acceptance
LINKS = "ul.links a"


def test_report_when_its_files_are_taken_after_the_log_grew_then_those_of_the_manifest_and_signed(stage: Stage) -> None:
    async def walk(stage: Stage) -> tuple[list[bytes], list[bytes], list[int], str]:
        context = await stage.context("centre")
        page = await context.new_page()
        await page.goto(stage.people + "/reports?by=source")
        links = [str(await each.get_attribute("href")) for each in await page.locator(LINKS).all()]

        async def take() -> list[bytes]:
            return [await (await context.request.get(stage.people + link)).body() for link in links[:4]]

        before = await take()
        size = (await stage.sandbox.gateway.parts.reading.head())[0]
        assert await canaries_of(stage.sandbox)["CN-32"].send("CN-33") is not None

        async def grown() -> bool:
            return (await stage.sandbox.gateway.parts.reading.head())[0] > size

        await Script(stage.sandbox, lambda *_: None).until(grown, "the log to grow")
        after = await take()
        await page.goto(stage.people + links[4])
        told = await page.locator(".proof strong").inner_text()
        asked = parse_qs(urlsplit(links[0]).query)
        signature = asked["sig"][0]
        wrong = [
            links[0].replace(signature[-8:], "AAAAAAAA"),
            links[0].replace(f"size={asked['size'][0]}", "size=3"),
            links[0].replace("by=source", "by=accepting"),
            links[0].replace("file=csv", "file=exe"),
            "/reports?period=2026-13",
        ]
        statuses = [(await context.request.get(stage.people + each)).status for each in wrong]
        await page.goto(stage.people + "/reports?by=institution")
        assert "GB/T 2260" in await page.locator("main").inner_text()
        await page.close()
        return before, after, statuses, told

    before, after, statuses, told = stage.play(walk)
    assert before == after
    csv, xlsx, pdf, paper = before
    manifest, signature = read_manifest(paper)
    keys = {record.kid: record.key for record in stage.sandbox.gateway.registry.trust.data.gateway.keys}
    assert verify_detached(signature, manifest.data(), TYP_REPORT, keys.get)
    assert csv.startswith(b"source,submitted,settled,settled_credits,")
    assert xlsx.startswith(b"PK")
    assert pdf.startswith(b"%PDF-")
    assert json.loads(paper)["manifest"]["size"] == manifest.size
    assert statuses == [400, 400, 400, 404, 400]
    assert "逐字节" in told
