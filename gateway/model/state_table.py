"""The act table as people read it: by act and by state, as rows and as Markdown.

All of it is made from `transfer.TABLE` itself: `ceg docs states` prints it, docs/protocol.md holds it, tests go through it.
"""

from collections.abc import Iterable
from typing import TypedDict

from gateway.model.transfer import TABLE, Role, Rule, State


class ActRow(TypedDict):
    """One rule of the table; `to` empty means the state stays."""

    act: str
    role: str
    states: list[str]
    to: list[str]
    leaf: list[str]
    names_ver: bool


def act_rows(table: Iterable[Rule] = TABLE) -> list[ActRow]:
    """One a rule, in the table's order; states in theirs."""
    return [
        ActRow(
            act=rule.act.value,
            role=rule.role.value,
            states=[state.value for state in State if state in rule.states],
            to=[state.value for state in rule.to],
            leaf=list(rule.leaf),
            names_ver=rule.names_ver,
        )
        for rule in table
    ]


def state_rows(table: Iterable[Rule] = TABLE) -> dict[str, dict[str, list[str]]]:
    """State → role → the acts that role may do there."""
    rules = tuple(table)

    def acts(state: State, role: Role) -> list[str]:
        return list(dict.fromkeys(rule.act.value for rule in rules if rule.role is role and state in rule.states))

    return {state.value: {role.value: acts(state, role) for role in Role} for state in State}


def acts_markdown() -> str:
    """For each act and role: where it may be done and where it leads."""
    lines = [
        "| act | role | 可在 in these states | 到 to | leaf | 写明 `ver` |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in act_rows():
        states = "全部 all" if len(row["states"]) == len(State) else _code(row["states"])
        to, ver = _code(row["to"]) or "不变 unchanged", "✓" * row["names_ver"]
        lines.append(f"| `{row['act']}` | {row['role']} | {states} | {to} | {_code(row['leaf'])} | {ver} |")
    return "\n".join(lines)


def states_markdown() -> str:
    """The same from a state's side."""
    lines = [f"| state | {' | '.join(Role)} |", "| --- " * (len(Role) + 1) + "|"]
    lines += [f"| `{state}` | {' | '.join(_code(acts) or '–' for acts in roles.values())} |" for state, roles in state_rows().items()]
    return "\n".join(lines)


def _code(words: Iterable[str]) -> str:
    return " ".join(f"`{word}`" for word in words)
