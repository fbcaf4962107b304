"""`ceg docs states`: what is printed is the gateway's own table, the page's tables are made by the same functions."""

from typing import Any

from support.generated import BLOCKS, DOCS
from support.nodes import ceg

from gateway.model import state_table
from gateway.model.transfer import TABLE, Act, Role, Rule, State


def rebuilt(row: dict[str, Any]) -> Rule:
    states, to = frozenset(map(State, row["states"])), tuple(map(State, row["to"]))
    return Rule(Act(row["act"]), Role(row["role"]), states, to, tuple(row["leaf"]), row["names_ver"])


def test_states_when_printed_as_json_then_the_table_itself_row_by_row() -> None:
    document = ceg("docs", "states", "--json").document
    assert tuple(map(rebuilt, document["acts"])) == TABLE
    assert state_table.TABLE is TABLE
    for state, roles in document["states"].items():
        for role, acts in roles.items():
            wanted = {rule.act for rule in TABLE if rule.role == role and state in rule.states}
            assert set(acts) == wanted, (state, role)
    assert list(document["states"]) == list(State)


def test_states_when_printed_as_markdown_then_what_the_protocol_page_holds() -> None:
    printed = ceg("docs", "states", "--markdown").out
    page = (DOCS / "protocol.md").read_text("utf-8")
    acts, by_state = printed.split("\n\n")
    assert acts in page
    assert by_state.rstrip("\n") in page
    blocks = BLOCKS[DOCS / "protocol.md"]
    assert (blocks["acts"], blocks["states"]) == (state_table.acts_markdown, state_table.states_markdown)


def test_states_when_printed_as_text_then_every_rule_stands_in_its_state() -> None:
    out = ceg("docs", "states").out
    assert [state for state in State if f"{state}  " not in out] == []
    assert "acknowledge" in out
    assert ceg("docs", "states", "--json", "--markdown").code == 2
