"""Faults of the command line itself, and every fault as the problem document that the API would give."""

from gateway.cli.exits import ExitCode, exit_of
from gateway.errors import GatewayError
from gateway.federation.protocol import status_of
from gateway.model.canonical import Json
from gateway.transfers.problems import PROBLEM_TYPE

_STATUS = {ExitCode.USAGE: 400, ExitCode.NOT_FOUND: 404, ExitCode.INVALID: 422, ExitCode.CONFLICT: 409, ExitCode.UNREACHABLE: 504}


class CliError(GatewayError):
    """Wrong usage, files that are not there or must not be replaced: nothing a library could know."""

    branch = "cli"


def problem_document(error: GatewayError) -> dict[str, Json]:
    """RFC 9457, member for member what `gateway.web.errors.problem` answers with."""
    return {
        "type": PROBLEM_TYPE + error.code,
        "code": error.code,
        "status": _status(error.code),
        "title": error.en,
        "zh": error.zh,
        "en": error.en,
        "retryable": error.retry,
        "errors": [{"path": each.path, "code": each.code, "zh": each.zh, "en": each.en} for each in error.problems],
    }


def _status(code: str) -> int:
    return _STATUS.get(exit_of(code), 500) if code.startswith("cli.") else status_of(code)


def first_fault(error: BaseException) -> BaseException:
    """Out of a group of exceptions the one to tell: a named fault if there is one."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inner = [first_fault(each) for each in error.exceptions]
    return next((each for each in inner if isinstance(each, GatewayError)), inner[0])
