"""The page on reports where a report or a file of it cannot be had: it says why, and what can be had stays."""

import html
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.operators import operating

from gateway.errors import FormatError
from gateway.formats import paper
from gateway.transfers import report_paper

LINK = re.compile(r'<a href="([^"]+)" download>')


async def lacking(*_: object) -> bytes:
    raise FormatError("format.pdf_characters", "字体缺少这些字符", "the font lacks these characters", characters="U+4E59")


async def test_report_when_too_wide_or_without_the_extra_for_pdf_then_said_on_the_page_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paper, "find_spec", lambda _name: None)
    async with operating(tmp_path) as found:
        centre = await found.browser("centre")
        status, page = await centre.get("/reports?period=2026&by=source")
        csv, xlsx, pdf, _manifest = (html.unescape(each) for each in LINK.findall(page))
        assert (status, 'role="alert"' in page) == (200, False)
        status, told = await centre.get(pdf)
        assert status == 503
        assert "pip install &#34;credit-exchange-gateway[pdf]&#34;" in told
        assert len(LINK.findall(told)) == 4, "the report itself is there, and its other files"
        assert "PDF needs an extra" in (await centre.get(pdf + "&lang=en"))[1]
        assert [(await centre.get(each))[0] for each in (csv, csv.replace("file=csv", "file=manifest"))] == [200, 200]
        assert xlsx.count("file=xlsx") == 1
        monkeypatch.setattr(report_paper, "write_pdf", lacking)
        status, told = await centre.get(pdf)
        assert (status, "<code>U+4E59</code>" in told) == (503, True)

        with closing(sqlite3.connect(found.node.folder / "data" / "gateway.db")) as connection, connection:
            rows = [(f"COURSE/recognised/{number:010}",) for number in range(1_001)]
            connection.executemany("INSERT INTO tally VALUES ('issuer', '2026-11-02', 'CN-31', 'CN-32', ?, 9, 0)", rows)
        status, told = await centre.get("/reports?period=2026-11&by=kind,institution")
        assert (status, LINK.findall(told)) == (422, [])
        assert "请减少分组或缩短时段" in told
        assert 'name="period"' in told, "to ask for less"
