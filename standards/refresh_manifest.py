#!/usr/bin/env python3
"""Writes the checksums of everything under `standards/` into MANIFEST.toml, keeping what people wrote there.

Usage: `python standards/refresh_manifest.py DATE` (DATE is given to entries of new files, as 2025-01-31).
Source, licence, date and note of a known file stay; a file that is gone loses its entry; a new file gets an
entry that says it is this project's own, to be corrected by hand where that is not so.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

MANIFEST_NAME = "MANIFEST.toml"
SUFFIXES = (".csv", ".xsd")
KEPT = ("source", "licence", "date", "note")
HEAD = """\
# What each file of the standard is, where its facts come from, and its SHA-256.
# The gateway refuses to start with a file that differs. Written by standards/refresh_manifest.py.
"""
OWN = "this project"
INVENTION = "our invention, not any bank's real interface"


def manifest_entry(path: Path, standards: Path, known: Mapping[str, str], date: str) -> dict[str, str]:
    """One entry: path, sha256, and source, licence, date, note as known or by default."""
    default = {"source": OWN, "licence": "Apache-2.0", "date": date, "note": INVENTION}
    fixed = {"path": path.relative_to(standards).as_posix(), "sha256": sha256(path.read_bytes()).hexdigest()}
    return fixed | {key: known.get(key, default[key]) for key in KEPT}


def manifest_text(standards: Path, date: str) -> str:
    """The whole manifest for the files as they are now."""
    old = standards / MANIFEST_NAME
    rows = tomllib.loads(old.read_text(encoding="utf-8"))["file"] if old.exists() else []
    known = {row["path"]: row for row in rows}
    files = sorted(path for path in standards.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    entries = [manifest_entry(path, standards, known.get(path.relative_to(standards).as_posix(), {}), date) for path in files]
    blocks = [
        "\n[[file]]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in row.items()) for row in entries
    ]
    return HEAD + "".join(blocks)


def main() -> int:
    """Rewrite the manifest beside this script."""
    standards = Path(__file__).resolve().parent
    if len(sys.argv) != 2:
        sys.stderr.write("usage: refresh_manifest.py DATE\n")
        return 2
    text = manifest_text(standards, sys.argv[1])
    (standards / MANIFEST_NAME).write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
