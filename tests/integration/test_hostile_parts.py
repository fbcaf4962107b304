"""Hostile bytes inside well-signed messages: each gets its reader's named refusal, signed, at once."""

import asyncio
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.auditor import check_refusal, shanghai_part
from support.region import SAMPLES, Heard, region

from gateway.model.local import PartManifest

RECORDS = ("SHC00000000001",)
MIB = 1024 * 1024

BAD = {
    source: SAMPLES / name / "samples" / "bad"
    for source, name in (("CN-31", "shanghai"), ("CN-32", "jiangsu"), ("CN-33", "zhejiang"), ("CN-34", "anhui"))
}
NAMED = {
    source: [file for file in sorted(folder.iterdir()) if file.name.startswith("format.")]
    for source, folder in BAD.items()
    if folder.is_dir()
}


@pytest.mark.parametrize("source", NAMED)
async def test_part_when_hostile_then_the_adapters_named_refusal_signed_and_quick(tmp_path: Path, source: str) -> None:
    """Entity bombs, UTF-7, zip bombs, sparse sheets, cut files: every bad sample of a whole file, as a part of a true request."""
    async with region(tmp_path) as world:
        assert len(NAMED[source]) >= 4
        loop = asyncio.get_running_loop()
        for file in NAMED[source]:
            manifest = PartManifest("2024-07", {1: "R-1"}) if source in {"CN-32", "CN-34"} else None
            accepting = "CN-31" if source != "CN-31" else "CN-32"
            message = world.request(source, accepting, ("R-1",), file.read_bytes(), manifest=manifest)
            began = loop.time()
            heard = await world.send(message)
            assert loop.time() - began < 3
            assert heard.code == file.name.split("--")[0], (file.name, heard.body)
            check_refusal(world, message, heard, source)


def zip_bomb() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(200 * MIB))
    return made.getvalue()


def laughs() -> bytes:
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "ha">{entities}]><l>&a9;</l>'.encode()


HOSTILE: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "entity bomb": ("format.doctype", laughs),
    "UTF-7": ("format.encoding", lambda: b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a/+AD4-'),
    "XML 1.1": ("format.xml_version", lambda: b'<?xml version="1.1"?><a/>'),
    "deep": ("format.too_deep", lambda: b"<a>" * 100_000),
    "not XML": ("format.malformed", lambda: b"{}"),
    "outside entity": ("format.doctype", lambda: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'),
}


@pytest.mark.parametrize("content", ["request", "identity", "consent"])
async def test_document_when_hostile_then_named_signed_refusal(tmp_path: Path, content: str) -> None:
    async with region(tmp_path) as world:
        for name, (code, make) in HOSTILE.items():
            good = world.request("CN-31", "CN-32", RECORDS, shanghai_part(*RECORDS))
            contents = [(each, make() if each == content else good.contents[each].data) for each in good.contents]
            message = world.message("CN-31", "request", contents)
            heard = await world.send(message)
            assert heard.code == code, (name, heard.body)
            check_refusal(world, message, heard, "CN-31")


async def test_sheet_when_it_is_a_zip_bomb_then_refused_at_once(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        loop = asyncio.get_running_loop()
        message = world.request("CN-34", "CN-31", ("R-1",), zip_bomb(), manifest=PartManifest("2024-07", {1: "R-1"}))
        began = loop.time()
        heard: Heard = await world.send(message)
        assert heard.code.startswith("format."), heard.body
        assert loop.time() - began < 2
        check_refusal(world, message, heard, "CN-34")


async def test_request_when_it_names_too_many_records_then_refused_and_at_the_limit_taken(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        many = tuple(f"SHC{n:011d}" for n in range(301))
        heard = await world.send(world.request("CN-31", "CN-32", many, shanghai_part(*many)))
        assert heard.code in {"transfer.bad_document", "standard.invalid"}, heard.body
        message = world.request("CN-31", "CN-32", many[:300], shanghai_part(*many[:300]))
        heard = await world.send(message)
        assert (heard.status, heard.body["totals"]["submitted"]) == (202, "1200.0"), heard.body
        assert len(json.dumps(heard.body["receipt"]["leaf"])) < 4 / 3 * 65_535
