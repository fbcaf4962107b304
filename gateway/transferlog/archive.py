"""An archive of the log: the folder of an export and a manifest with the SHA-256 of every file.  Same size, same bytes, always.

The checkpoint in it bears the log's own signature only, for cosignatures have times; Ed25519 makes it the same each time.  The manifest
protects against decay and carelessness, the signed checkpoint against everybody else: a restore checks both.
docs/transfer-log.md, TL-60 to TL-62.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from gateway.errors import TransferLogError
from gateway.transferlog.audit import AuditReport, CheckLeaf, Progress, audit_folder
from gateway.transferlog.checkpoint import Verifier
from gateway.transferlog.folder import ReadFile, ReadLeaves, export_files, folder_paths
from gateway.transferlog.tiles import GetTile

MANIFEST_PATH: Final = "manifest.json"
KIND: Final = "ceg-log-archive"
FORM: Final = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """`files` maps each path to length and SHA-256 (hex)."""

    size: int
    root: str
    files: dict[str, tuple[int, str]] = field(default_factory=dict)

    def write(self) -> bytes:
        """One line a file, sorted."""
        files = ",\n".join(f"  {json.dumps([path, *self.files[path]])}" for path in sorted(self.files))
        head = json.dumps({"kind": KIND, "v": FORM, "size": self.size, "root": self.root})[:-1]
        return f'{head}, "files": [\n{files}\n]}}\n'.encode("ascii")


def parse_manifest(raw: bytes) -> Manifest:
    """Raises `transferlog.bad_manifest` for any other form, or where it lists other files than a log of its size has."""
    try:
        shown = json.loads(raw)
        files = {str(path): (int(length), str(digest)) for path, length, digest in shown["files"]}
        manifest = Manifest(int(shown["size"]), str(shown["root"]), files)
        if manifest.write() != raw or not _lists_all(manifest):
            raise ValueError("another form")
    except (ValueError, KeyError, TypeError) as error:
        raise _bad("transferlog.bad_manifest", "档案清单不合格式", "the archive's manifest does not have its form") from error
    return manifest


def _lists_all(manifest: Manifest) -> bool:
    """Ends at the first file that is not listed: the size it says may be anything."""
    count = 0
    for path in folder_paths(manifest.size):
        if path not in manifest.files:
            return False
        count += 1
    return count == len(manifest.files)


def archive_files(size: int, root: bytes, checkpoint: str, get_tile: GetTile, read_leaves: ReadLeaves) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of every file; the manifest last, so that a cut-off archive has none."""
    files: dict[str, tuple[int, str]] = {}
    for path, data in export_files(size, checkpoint, get_tile, read_leaves):
        files[path] = (len(data), sha256(data).hexdigest())
        yield path, data
    yield MANIFEST_PATH, Manifest(size, root.hex(), files).write()


def verify_archive(
    read: ReadFile, verifiers: Sequence[Verifier], *, check: CheckLeaf | None = None, progress: Progress | None = None
) -> tuple[Manifest, AuditReport]:
    """Every file is as the manifest says, and the log in it audits under its signed checkpoint, of the manifest's size and root.

    Raises `transferlog.bad_manifest`, `.file_missing`, `.file_changed`; what is wrong with the log itself stands in the report.
    """
    manifest = parse_manifest(_read(read, MANIFEST_PATH))
    for path, (length, digest) in sorted(manifest.files.items()):
        data = _read(read, path)
        if len(data) != length or sha256(data).hexdigest() != digest:
            raise _bad("transferlog.file_changed", "档案中的文件被改动", "a file of the archive was changed", path=path)
    report = audit_folder(read, verifiers, check=check, progress=progress)
    if report.ok and (report.size, report.root.hex()) != (manifest.size, manifest.root):
        raise _bad("transferlog.bad_manifest", "档案清单与检查点不符", "the archive's manifest is not about its checkpoint")
    return manifest, report


def _read(read: ReadFile, path: str) -> bytes:
    try:
        return read(path)
    except (KeyError, OSError) as error:
        raise _bad("transferlog.file_missing", "存证日志缺少文件", "a file of the log is missing", path=path) from error


def _bad(code: str, zh: str, en: str, path: str = "") -> TransferLogError:
    return TransferLogError(code, zh, en, path=path)
