"""The files of this repository, as the style tests see them."""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_OURS = frozenset({"__pycache__", "build", "dist", "var", "node_modules", "vendor"})
DOTTED_OURS = frozenset({".ci", ".gitignore", ".dockerignore"})


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name in NOT_OURS or entry.name.endswith(".egg-info") or (entry.name.startswith(".") and entry.name not in DOTTED_OURS):
                continue
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(path)
            else:
                yield path


@cache
def all_files() -> tuple[Path, ...]:
    """Everything that would be committed: no caches, no build output, no virtual environment."""
    return tuple(_walk(ROOT))


def files(suffix: str, *under: str) -> list[Path]:
    """Files with a suffix, under any of these folders (or anywhere)."""
    roots = [ROOT / each for each in under] or [ROOT]
    return [path for path in all_files() if path.suffix == suffix and any(path.is_relative_to(root) for root in roots)]


@cache
def text_of(path: Path) -> str:
    return path.read_text("utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path))


def shown(path: Path) -> str:
    """A path as a person wants to read it."""
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    """`gateway/web/keys.py` → `gateway.web.keys`; a package's `__init__` is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
