"""Vendored browser files: fetch them from npm at exact versions, and say what must be there.

`python tests/support/vendoring.py` (a contributor's tool; needs npm and the network) writes every package's folder anew: the
few files that are served, the licence, a gzip sibling of each, and `MANIFEST.toml` with the SHA-256 of all of them.
The tests recompute the manifest; nothing of this runs when the gateway does.
"""

import gzip
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVED = ROOT / "gateway" / "web" / "static" / "vendor"
TESTING = ROOT / "tests" / "support" / "vendor"
MANIFEST = "MANIFEST.toml"
NOT_PACKED = frozenset({"LICENSE", "LICENSE.md", "NOTICE"})


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package at an exact version, and what is taken of it: `{path in the package: name here}`."""

    name: str
    version: str
    licence: str
    files: dict[str, str]
    folder: Path = SERVED

    @property
    def place(self) -> Path:
        return self.folder / f"{self.name.lstrip('@').replace('/', '-')}@{self.version}"


PACKAGES = (
    Package("htmx.org", "2.0.11", "0BSD", {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE"}),
    Package("htmx-ext-sse", "2.2.4", "0BSD", {"dist/sse.min.js": "sse.min.js", "LICENSE": "LICENSE"}),
    Package("@picocss/pico", "2.1.1", "MIT", {"css/pico.min.css": "pico.min.css", "LICENSE.md": "LICENSE.md"}),
    Package("echarts", "6.1.0", "Apache-2.0", {"dist/echarts.min.js": "echarts.min.js", "LICENSE": "LICENSE", "NOTICE": "NOTICE"}),
    Package(
        "uplot", "1.6.32", "MIT",
        {"dist/uPlot.iife.min.js": "uplot.iife.min.js", "dist/uPlot.min.css": "uplot.min.css", "LICENSE": "LICENSE"},
    ),
    Package(
        "swagger-ui-dist", "5.35.0", "Apache-2.0",
        {"swagger-ui-bundle.js": "swagger-ui-bundle.js", "swagger-ui.css": "swagger-ui.css", "LICENSE": "LICENSE", "NOTICE": "NOTICE"},
    ),
    Package("axe-core", "4.14.1", "MPL-2.0", {"axe.min.js": "axe.min.js", "LICENSE": "LICENSE"}, TESTING),
)  # fmt: skip


def manifest(folder: Path) -> str:
    """What a folder of vendored packages holds, from the files themselves."""
    lines = ["# Written by tests/support/vendoring.py; the tests recompute it.", ""]
    for package in PACKAGES:
        if package.folder != folder:
            continue
        lines += ["[[package]]", f'name = "{package.name}"', f'version = "{package.version}"', f'licence = "{package.licence}"']
        lines.append(f'folder = "{package.place.name}"')
        lines.append(f'source = "npm:{package.name}@{package.version}"')
        lines.append("[package.sha256]")
        for path in sorted(package.place.iterdir()):
            lines.append(f'"{path.name}" = "{sha256(path.read_bytes()).hexdigest()}"')
        lines.append("")
    return "\n".join(lines)


def fetch(package: Package, scratch: Path) -> None:
    """One package from npm.  The version is the exact one named: npm is not asked for a newest."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    packed = subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True).stdout.split()[-1]
    package.place.mkdir(parents=True, exist_ok=True)
    with tarfile.open(scratch / packed) as archive:
        for source, name in package.files.items():
            member = archive.extractfile(f"package/{source}")
            assert member is not None, source
            content = member.read()
            (package.place / name).write_bytes(content)
            if name not in NOT_PACKED and package.folder == SERVED:
                (package.place / f"{name}.gz").write_bytes(gzip.compress(content, 9, mtime=0))


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            fetch(package, Path(scratch))
    for folder in (SERVED, TESTING):
        (folder / MANIFEST).write_text(manifest(folder), "utf-8")
    sys.stdout.write("written\n")


if __name__ == "__main__":
    main()
