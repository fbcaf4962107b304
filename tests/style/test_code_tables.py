"""Reasons that use cases write are codes of a published table, not words made up on the way."""

import ast
import csv
from collections.abc import Iterator

from support.tree import ROOT, files, shown, tree_of

TABLES = ROOT / "standards" / "codes" / "1.0"
REASON_TABLES = ("closed_reason", "none_reason", "withdrawal_reason", "impossible_reason", "decision_reason")


def codes(*tables: str) -> set[str]:
    found = set()
    for table in tables:
        with (TABLES / f"{table}.csv").open(encoding="utf-8") as file:
            found |= {row["code"] for row in csv.DictReader(file)}
    return found


def texts(node: ast.AST | None) -> Iterator[str]:
    """The words an expression may give: a literal, or either side of a choice."""
    match node:
        case ast.Constant(value=str(text)) if text:
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from texts(one)
            yield from texts(other)


def reasons() -> Iterator[tuple[str, str]]:
    for path in files(".py", "gateway/transfers"):
        for node in ast.walk(tree_of(path)):
            place = f"{shown(path)}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.Dict(keys=keys, values=values):
                    found = [
                        word
                        for key, value in zip(keys, values, strict=True)
                        if isinstance(key, ast.Constant) and key.value == "reason"
                        for word in texts(value)
                    ]
                case ast.keyword(arg="reason", value=value) | ast.Assign(targets=[ast.Name(id="reason")], value=value):
                    found = list(texts(value))
                case ast.Call(func=ast.Attribute(attr="close_claimed"), args=[value]):
                    found = list(texts(value))
                case ast.Call(func=ast.Name(id="Accepted"), args=[_, _, value]):
                    found = list(texts(value))
                case ast.FunctionDef(name="_barred"):
                    found = [word for each in ast.walk(node) if isinstance(each, ast.Return) for word in texts(each.value)]
                case _:
                    continue
            yield from ((place, word) for word in found)


def test_reasons_when_written_by_use_cases_then_they_are_codes_of_a_table() -> None:
    found = list(reasons())
    known = codes(*REASON_TABLES)
    assert len(found) > 5
    assert [f"{place}: {word}" for place, word in found if word not in known] == []
