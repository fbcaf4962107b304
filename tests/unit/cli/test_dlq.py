"""`ceg dlq` on a node's own database: what is stuck, by whom, why, since when, and what happens next."""

import asyncio
import shutil
from pathlib import Path

import pytest
from support.nodes import ceg
from support.stages import ACCEPTING, SOURCE
from support.stuck import StuckNode, stuck_node

from gateway.cli.dlq import find
from gateway.cli.dlq_words import REASONS, THEN
from gateway.cli.faults import CliError
from gateway.transfers.stuck import NO_ANSWER, NOT_TAKEN


@pytest.fixture(scope="module")
def stuck(tmp_path_factory: pytest.TempPathFactory) -> StuckNode:
    return asyncio.run(stuck_node(tmp_path_factory.mktemp("stuck")))


def test_list_when_read_then_grouped_by_member_and_reason_with_what_happens_next(stuck: StuckNode) -> None:
    ran = ceg("dlq", "list", "--config", stuck.config, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [(each["members"], each["reason"], each["id"]) for each in ran.document] == [
        ([SOURCE], NOT_TAKEN, stuck.decided),
        ([SOURCE, ACCEPTING], "held.posting", stuck.posting),
        ([ACCEPTING], "held.delivering", stuck.held),
        ([ACCEPTING], NOT_TAKEN, stuck.letter),
    ]
    decided, posting, held, letter = ran.document
    assert (held["then"], posting["then"], letter["then"]) == ("expired", "escalated", "tried")
    assert held["then_at"] > held["since"] > letter["since"][:8]
    assert [(each["can_retry"], each["can_cancel"]) for each in ran.document] == [(True, False), (True, False), (True, True), (True, True)]
    assert (decided["event"], decided["transfer"]) == ("decided", stuck.posting)
    text = ceg("dlq", "list", "--config", stuck.config).out
    assert all(each[:12] in text for each in stuck.ids)
    assert "案件未获签收" in text
    assert "was not acknowledged" in text.replace("\n", " ")
    only = ceg("dlq", "list", "--config", stuck.config, "--bank", SOURCE, "--json").document
    assert [each["id"] for each in only] == [stuck.decided, stuck.posting]


def test_list_when_nothing_is_stuck_then_empty_and_said_so(node) -> None:
    assert ceg("dlq", "list", "--config", node.config, "--json").out == "[]\n"
    assert "no dead letters" in ceg("dlq", "list", "--config", node.config).out


def test_show_when_asked_by_beginning_then_the_item_and_its_history(stuck: StuckNode) -> None:
    ran = ceg("dlq", "show", stuck.letter[:8], "--config", stuck.config, "--json")
    assert (ran.code, ran.document["id"], ran.document["case"]["transfer"]) == (0, stuck.letter, stuck.withdrawn)
    assert [step["type"] for step in ran.document["case"]["steps"]] == ["transfer.requested", "transfer.withdrawn"]
    text = ceg("dlq", "show", stuck.letter, "--config", stuck.config).out.replace("\n", "")
    assert "死信" in text
    assert "dead letter" in text
    held = ceg("dlq", "show", stuck.held[:10], "--config", stuck.config).out.replace("\n", "")
    assert "已挂起(送达未获签收)" in held
    assert "到期无人行事:自动过期" in held


@pytest.mark.parametrize(("id", "code"), [("abc", 2), ("f" * 64, 3), ("AAAAAAAA", 3)])
def test_show_when_misspelt_or_not_stuck_then_named(stuck: StuckNode, id: str, code: int) -> None:
    assert ceg("dlq", "show", id, "--config", stuck.config).code == code


def test_find_when_several_begin_alike_then_the_exact_one_or_told() -> None:
    entries = [{"id": "abcdef"}, {"id": "abcd"}, {"id": "abcxyz"}]
    assert find(entries, "abcd") == {"id": "abcd"}
    assert find(entries, "abcx") == {"id": "abcxyz"}
    with pytest.raises(CliError, match=r"cli\.usage"):
        find([{"id": "abcdef"}, {"id": "abcdxx"}], "abcd")


def test_orders_when_reason_or_identity_is_missing_then_usage(stuck: StuckNode, tmp_path: Path) -> None:
    assert ceg("dlq", "retry", stuck.held, "--url", "http://127.0.0.1:1", "--member", "CN-33", "--key-file", "x.pem").code == 2
    assert ceg("dlq", "retry", stuck.held, "--reason", "说明", "--config", stuck.config).code == 2
    key = tmp_path / "m.pem"
    shutil.copy(stuck.folder / "keys" / "gateway.pem", key)
    where = ("--url", "http://127.0.0.1:1", "--member", "CN-33", "--key-file", key, "--config", stuck.config)
    assert ceg("dlq", "cancel", stuck.held, "--reason", "  ", *where).code == 2
    assert ceg("dlq", "cancel", stuck.held, "--reason", "字" * 501, *where).code == 2
    assert ceg("dlq", "cancel", stuck.held, "--reason", "说明", *where, "--json").code == 7


def test_words_when_compared_then_every_reason_and_outcome_of_our_own_has_both_languages() -> None:
    assert {NO_ANSWER, NOT_TAKEN, "held.delivering", "held.posting", "held.settled"} <= REASONS.keys()
    for zh, en in (*REASONS.values(), *THEN.values()):
        assert (zh.isascii(), en.isascii()) == (False, True)
