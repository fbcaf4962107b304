"""The last door: faults become exit codes, and nobody sees a traceback."""

import json
from pathlib import Path

import pytest
from support.nodes import ceg

from gateway.cli.faults import CliError, first_fault, problem_document
from gateway.cli.screen import Screen
from gateway.errors import MappingError, PeerUnavailableError, Problem, SettingsError
from gateway.web.errors import problem


@pytest.mark.parametrize(
    "error",
    [
        MappingError(
            "mapping.unknown_code", "不认识的代码", "unknown code", problems=(Problem("row 3", "mapping.unknown_code", "甲", "a"),)
        ),
        PeerUnavailableError("peer.unavailable", "连接不上", "cannot be reached"),
        SettingsError("settings.bad_value", "配置有误", "wrong"),
    ],
)
def test_problem_when_printed_then_it_is_what_the_api_answers(error: MappingError) -> None:
    assert problem_document(error) == json.loads(bytes(problem(error).body))


def test_usage_when_wrong_then_exit_2_and_nothing_on_stdout() -> None:
    for arguments in (
        ["nope"],
        ["log"],
        ["keys", "generate"],
        ["log", "verify", "--nope"],
        ["keys", "generate", "--out", "x", "--alg", "RSA"],
    ):
        ran = ceg(*arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert ran.err.startswith("错误 cli.usage")
        assert "Traceback" not in ran.err


def test_usage_when_wrong_with_json_then_one_problem_on_stderr() -> None:
    ran = ceg("log", "verify", "--nope", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert (ran.problem["code"], ran.problem["status"]) == ("cli.usage", 400)


def test_unexpected_when_raised_then_one_line_without_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CEG_DEBUG", raising=False)
    monkeypatch.setattr("gateway.cli.version.platform", None)
    ran = ceg("version")
    assert (ran.code, ran.out) == (1, "")
    assert "CEG_DEBUG=1" in ran.err
    assert "AttributeError" in ran.err
    assert "Traceback" not in ran.err
    ran = ceg("version", "--json")
    assert (ran.problem["code"], ran.problem["status"]) == ("cli.unexpected", 500)
    monkeypatch.setenv("CEG_DEBUG", "1")
    assert "Traceback" in ceg("version").err


def test_interrupt_when_it_comes_then_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.cli.version.platform.python_version", stopped)
    ran = ceg("version")
    assert ran.code == 130
    assert "Traceback" not in ran.err


def test_first_fault_when_grouped_then_named_one_is_told() -> None:
    named = SettingsError("settings.bad_value", "配置有误", "wrong")
    assert first_fault(BaseExceptionGroup("x", [ValueError(), ExceptionGroup("y", [named])])) is named


def test_version_when_asked_then_data_only() -> None:
    ran = ceg("version", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["name"] == "credit-exchange-gateway"
    assert ceg("--version").out.startswith("ceg ")


def test_colour_when_not_wanted_or_no_terminal_then_no_escape_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert Screen.open().out.color_system is None
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert Screen.open(no_color=True).out.color_system is None
    for arguments in (["doctor"], ["map", "check"], ["nope"]):
        ran = ceg(*arguments)
        assert "\x1b" not in ran.out + ran.err


def test_colour_when_terminal_then_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert Screen.open().out.color_system is not None


def test_confirm_when_no_terminal_then_yes_is_needed() -> None:
    screen = Screen.open()
    with pytest.raises(CliError, match=r"cli\.confirm"):
        screen.confirm("继续", "go on", yes=False)
    screen.confirm("继续", "go on", yes=True)


def test_every_command_when_config_is_missing_then_exit_3_and_a_problem(tmp_path: Path) -> None:
    for arguments in (["serve"], ["log", "head"], ["transfer", "list"], ["keys", "list"], ["member", "list"]):
        ran = ceg(*arguments, "--config", tmp_path / "none.toml", "--json")
        assert (ran.code, ran.out, ran.problem["code"]) == (3, "", "settings.no_file"), arguments
