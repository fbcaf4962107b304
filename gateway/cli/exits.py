"""The one table from error codes to exit codes.  Longest matching prefix wins; docs/cli.md shows it, a test compares."""

from enum import IntEnum
from typing import Final


class ExitCode(IntEnum):
    """What a script may rely on."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    INVALID = 4
    DENIED = 5
    FINDINGS = 6
    UNREACHABLE = 7
    CONFLICT = 8
    INTERRUPTED = 130


MEANINGS: Final[dict[ExitCode, tuple[str, str]]] = {
    ExitCode.OK: ("成功", "done"),
    ExitCode.UNEXPECTED: ("意外错误", "something unexpected"),
    ExitCode.USAGE: ("命令用法有误", "wrong usage"),
    ExitCode.NOT_FOUND: ("所指的对象或文件不存在", "what was named is not there"),
    ExitCode.INVALID: ("内容不合规定", "validation failed"),
    ExitCode.DENIED: ("身份、权限或签名不成立", "not allowed, or a signature does not hold"),
    ExitCode.FINDINGS: ("检查完成,发现问题", "the check was carried out and found something"),
    ExitCode.UNREACHABLE: ("对方无法连接或未按时答复", "the other side cannot be reached, or did not answer in time"),
    ExitCode.CONFLICT: ("与现有状态冲突", "conflicts with what is there"),
    ExitCode.INTERRUPTED: ("被 Ctrl-C 中断", "interrupted by Ctrl-C"),
}

BY_CODE: Final[dict[str, ExitCode]] = {
    "cli.usage": ExitCode.USAGE,
    "cli.region_unclear": ExitCode.USAGE,
    "cli.confirm": ExitCode.USAGE,
    "cli.not_found": ExitCode.NOT_FOUND,
    "cli.file_exists": ExitCode.CONFLICT,
    "cli.file": ExitCode.INVALID,
    "cli.rules_not_for_this": ExitCode.CONFLICT,
    "cli.unexpected": ExitCode.UNEXPECTED,
    "cli.interrupted": ExitCode.INTERRUPTED,
    "cli.timeout": ExitCode.UNREACHABLE,
    "format": ExitCode.INVALID,
    "record": ExitCode.INVALID,
    "mapping": ExitCode.INVALID,
    "mapping.bad_ruleset": ExitCode.FINDINGS,
    "recognition": ExitCode.INVALID,
    "recognition.not_a_member": ExitCode.DENIED,
    "recognition.member_suspended": ExitCode.DENIED,
    "recognition.not_your_version": ExitCode.DENIED,
    "recognition.unknown_version": ExitCode.NOT_FOUND,
    "recognition.ambiguous_version": ExitCode.USAGE,
    "recognition.wrong_rule_state": ExitCode.CONFLICT,
    "recognition.version_taken": ExitCode.CONFLICT,
    "recognition.too_many_versions": ExitCode.CONFLICT,
    "recognition.changed_since_test": ExitCode.CONFLICT,
    "recognition.approved_already": ExitCode.CONFLICT,
    "recognition.too_few_approvals": ExitCode.CONFLICT,
    "recognition.proposer_alone": ExitCode.CONFLICT,
    "recognition.accepting_absent": ExitCode.CONFLICT,
    "recognition.retroactive": ExitCode.CONFLICT,
    "catalogue": ExitCode.INVALID,
    "catalogue.bad_query": ExitCode.USAGE,
    "catalogue.unknown_entry": ExitCode.NOT_FOUND,
    "standard": ExitCode.INVALID,
    "trust": ExitCode.DENIED,
    "trust.replay_conflict": ExitCode.CONFLICT,
    "trust.bad_registry": ExitCode.INVALID,
    "trust.bad_registry_signature": ExitCode.DENIED,
    "consent": ExitCode.DENIED,
    "transfer": ExitCode.CONFLICT,
    "transfer.unknown": ExitCode.NOT_FOUND,
    "transfer.no_such_item": ExitCode.NOT_FOUND,
    "transfer.no_agreement": ExitCode.DENIED,
    "transfer.not_your_role": ExitCode.DENIED,
    "transfer.bad_document": ExitCode.INVALID,
    "peer": ExitCode.UNREACHABLE,
    "peer.unproven": ExitCode.DENIED,
    "transferlog": ExitCode.FINDINGS,
    "evidence": ExitCode.FINDINGS,
    "erase": ExitCode.CONFLICT,
    "erase.bad_reason": ExitCode.INVALID,
    "erase.other_part": ExitCode.INVALID,
    "cli.log_too_short": ExitCode.CONFLICT,
    "storage": ExitCode.UNEXPECTED,
    "storage.backup_exists": ExitCode.CONFLICT,
    "storage.database_exists": ExitCode.CONFLICT,
    "storage.backup_broken": ExitCode.FINDINGS,
    "storage.erased": ExitCode.NOT_FOUND,
    "storage.busy": ExitCode.CONFLICT,
    "storage.no_database": ExitCode.NOT_FOUND,
    "storage.schema_too_new": ExitCode.CONFLICT,
    "storage.schema_other": ExitCode.CONFLICT,
    "settings": ExitCode.INVALID,
    "settings.no_file": ExitCode.NOT_FOUND,
    "settings.trust_file": ExitCode.NOT_FOUND,
    "settings.port_taken": ExitCode.CONFLICT,
}


def exit_of(code: str) -> ExitCode:
    """The exit code of an error code: the entry for it, else for the longest prefix (up to a `.` or `_`), else 1."""
    found = [prefix for prefix in BY_CODE if code == prefix or code.startswith((prefix + ".", prefix + "_"))]
    return BY_CODE[max(found, key=len)] if found else ExitCode.UNEXPECTED
