"""Named SQL: every name that is used is defined, every definition is used."""

import ast
import re

import pytest
from support.tree import ROOT, files, text_of, tree_of

SQL = ROOT / "gateway" / "storage" / "sql"
NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
USERS = {"queries.sql": ("gateway/transfers", "gateway/storage", "gateway/cli", "gateway/app.py"), "connector.sql": ("gateway/client",)}
CALLS = frozenset({"Read", "Write", "fetch", "_put"})


def named(*under: str) -> tuple[set[str], set[str]]:
    """Every literal, and those of them that are the first argument of `Read`, `Write`, `fetch` or `_put`."""
    words: set[str] = set()
    called: set[str] = set()
    for path in files(".py", *under):
        for node in ast.walk(tree_of(path)):
            match node:
                case ast.Constant(value=str(text)):
                    words.add(text)
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(text)), *_]) if name in CALLS:
                    called.add(text)
    return words, called


@pytest.mark.parametrize("file", sorted(path.name for path in SQL.glob("*.sql") if not path.name.endswith("schema.sql")))
def test_statements_when_names_are_compared_then_each_is_defined_once_and_used(file: str) -> None:
    defined = NAME.findall(text_of(SQL / file))
    assert len(defined) == len(set(defined))
    words, called = named(*USERS[file])
    assert (sorted(set(defined) - words), sorted(called - set(defined))) == ([], [])
