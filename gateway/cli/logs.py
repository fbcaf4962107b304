"""Application logging of a running process: one JSON object a line on stderr, without personal data.

Values under names that hold people are masked, and so is anything that looks like a citizen number,
wherever it stands; traces and lines of libraries pass the same way.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

from gateway.system import SystemClock
from gateway.transfers.alarm_lines import count_alarm

MASK: Final = "***"
PERSONAL: Final = frozenset(
    {"name", "full_name", "learner_name", "xm", "姓名", "citizen_id", "citizen_number", "sfzh", "sfzjhm", "身份证号", "证件号码", "phone",
     "mobile", "email", "address", "account", "cb_id", "token", "envelope", "secret", "client_assertion", "access_token", "authorization"}
)  # fmt: skip
_CITIZEN: Final = re.compile(
    r"(?<![0-9])[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9Xx](?![0-9])"
)
DEPTH_MAX: Final = 8


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor; `event` names the message itself and is masked by form only."""
    return {key: MASK if key.lower() in PERSONAL else _masked(value, 0) for key, value in event.items()}


def _masked(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _CITIZEN.sub(MASK, value)
    if depth >= DEPTH_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {key: MASK if str(key).lower() in PERSONAL else _masked(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner, depth + 1) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else _masked(str(value), depth + 1)


def _stamp(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["at"] = SystemClock().now().isoformat(timespec="milliseconds")
    return event


def configure(level: int = logging.INFO) -> None:
    """Everything that logs, ours and the libraries', through one line format."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        _stamp,
        structlog.processors.format_exc_info,
    ]
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        redact,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.configure(
        processors=[count_alarm, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
