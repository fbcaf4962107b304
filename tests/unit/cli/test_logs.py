"""Log lines of a running process hold no personal data."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.cli.logs import configure, redact


@pytest.fixture
def configured() -> Iterator[None]:
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    configure()
    yield
    root.handlers[:] = kept
    root.setLevel(level)
    structlog.reset_defaults()


def test_redact_when_values_hold_people_then_masked_at_any_depth() -> None:
    event = {
        "event": "learner 11010519491231002X came", "name": "王测试", "rows": [{"XM": "王测试", "n": 3}, "id=11010519491231002x!"],
        "transfer": "5f0c" * 16, "code": "record.bad_date", "deep": {"a": {"身份证号": "x"}},
    }  # fmt: skip
    masked = redact(None, "info", event)
    assert masked["event"] == "learner *** came"
    assert masked["name"] == "***"
    assert masked["rows"] == [{"XM": "***", "n": 3}, "id=***!"]
    assert masked["transfer"] == "5f0c" * 16
    assert masked["code"] == "record.bad_date"
    assert masked["deep"] == {"a": {"身份证号": "***"}}


def test_configure_when_anything_logs_then_one_json_line_on_stderr(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    structlog.get_logger("gateway.http").info("request", route="/v1/messages", citizen_id="11010519491231002X")
    logging.getLogger("aiohttp.server").error("Error handling %s", "11010519491231002X")
    try:
        raise ValueError("11010519491231002X")
    except ValueError:
        structlog.get_logger("gateway.app").exception("broken")
    out, err = capsys.readouterr()
    assert out == ""
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["event"] for line in lines] == ["request", "Error handling ***", "broken"]
    assert lines[0]["level"] == "info"
    assert "at" in lines[0]
    assert "11010519491231002" not in err
