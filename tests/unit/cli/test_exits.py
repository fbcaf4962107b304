"""The table of exit codes."""

import pytest

from gateway.cli.exits import BY_CODE, MEANINGS, ExitCode, exit_of


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("format.doctype", 4), ("record.bad_date", 4), ("mapping.unknown_code", 4), ("mapping.bad_ruleset", 6), ("standard.schema", 4),
        ("trust.bad_signature", 5), ("trust.replay_conflict", 8), ("trust.bad_registry", 4), ("trust.bad_registry_signature", 5),
        ("consent.expired", 5), ("transfer.unknown", 3), ("transfer.wrong_state", 8), ("transfer.not_your_role", 5),
        ("peer.unavailable", 7),
        ("peer.unproven", 5), ("transferlog.leaf_changed", 6), ("storage.failed", 1), ("storage.no_database", 3),
        ("settings.bad_value", 4),
        ("settings.no_file", 3), ("settings.port_taken", 8), ("cli.usage", 2), ("cli.unexpected", 1), ("cli.interrupted", 130),
        ("catalogue.invalid", 4), ("catalogue.unknown_entry", 3), ("catalogue.bad_query", 2), ("catalogue.expired", 4),
        ("cli.file_exists", 8), ("cli.file_unreadable", 4), ("nobody.knows", 1),
    ],
)  # fmt: skip
def test_exit_of_when_code_is_known_then_longest_prefix_decides(code: str, wanted: int) -> None:
    assert exit_of(code) == wanted


def test_table_when_read_then_every_exit_code_has_words_and_every_entry_is_one() -> None:
    assert set(MEANINGS) == set(ExitCode)
    assert set(BY_CODE.values()) <= set(ExitCode)
