"""Named SQL: every name that is used is defined, every definition is used."""

import ast
import re

import pytest
from support.tree import ROOT, files, text_of, tree_of

SQL = ROOT / "gateway" / "storage" / "sql"
NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
USERS = {"queries.sql": ("gateway/transfers", "gateway/storage", "gateway/cli", "gateway/app.py"), "connector.sql": ("gateway/client",)}
CALLS = frozenset({"Read", "Write", "fetch", "_put"})


def used(*under: str) -> set[str]:
    """First arguments of `Read`, `Write`, `fetch` and `_put`, and the statement names of a view's `writes`."""
    found: set[str] = set()
    for path in files(".py", *under):
        for node in ast.walk(tree_of(path)):
            match node:
                case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(text)), *_]) if name in CALLS:
                    found.add(text)
                case ast.Tuple(elts=[ast.Constant(value=str(text)), _]) if path.name == "view.py" and re.fullmatch(r"\w+_(add|put)", text):
                    found.add(text)
    return found


@pytest.mark.parametrize("file", sorted(path.name for path in SQL.glob("*.sql") if not path.name.endswith("schema.sql")))
def test_statements_when_names_are_compared_then_each_is_defined_once_and_used(file: str) -> None:
    defined = NAME.findall(text_of(SQL / file))
    assert len(defined) == len(set(defined))
    found = used(*USERS[file])
    assert (sorted(set(defined) - found), sorted(found - set(defined))) == ([], [])
