"""What travels beside a rule file: the trial it went through, and a member's word on the very bytes.

Two small JSON documents, ours, in RFC 8785 form, each with a closed set of members; docs/protocol.md, PR-261 and PR-262.
A trial says what its sender saw.  It is kept and shown, never believed: the gateway runs the lint itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import FormatError, Problem
from gateway.formats.json_safe import JsonLimits, read_json
from gateway.model.canonical import jcs
from gateway.recognition.lifecycle import Trial

VERSION: Final = 1
LIMITS: Final = JsonLimits(bytes_max=4096, depth_max=2, nodes_max=16)
NAME_MAX: Final = 128
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class TrialPaper:
    """Content `trial`.  `restores` is the published version whose rules the file brings back, "" for new rules."""

    trial: Trial
    restores: str = ""


@dataclass(frozen=True, slots=True)
class WordPaper:
    """Contents `approval` and `publication`: which version, and the SHA-256 (hex) of exactly the bytes that were proposed."""

    id: str
    version: str
    digest: str


def write_trial(paper: TrialPaper) -> bytes:
    """The exact inverse of `read_trial`."""
    trial = paper.trial
    return jcs(
        {"v": VERSION, "digest": trial.digest, "findings": trial.findings, "simulation": trial.simulation, "restores": paper.restores}
    )


def read_trial(content: bytes) -> TrialPaper:
    """Raises FormatError, of the form itself `format.rule_paper` with the member.  `simulation` may be "": that is for the life cycle."""
    told = _object(content, "trial", {"digest", "findings", "simulation", "restores"})
    digest, simulation, findings = told["digest"], told["simulation"], told["findings"]
    _check("trial/digest", _is_digest(digest))
    _check("trial/simulation", simulation == "" or _is_digest(simulation))
    _check("trial/findings", type(findings) is int and findings >= 0)
    _check("trial/restores", _is_text(told["restores"]))
    return TrialPaper(Trial(digest, findings, simulation), told["restores"])


def write_word(paper: WordPaper) -> bytes:
    """The exact inverse of `read_word`."""
    return jcs({"v": VERSION, "id": paper.id, "version": paper.version, "digest": paper.digest})


def read_word(name: str, content: bytes) -> WordPaper:
    """`name` is the content's.  Raises FormatError, of the form itself `format.rule_paper` with the member."""
    told = _object(content, name, {"id", "version", "digest"})
    for member in ("id", "version"):
        _check(f"{name}/{member}", _is_text(told[member]))
    _check(f"{name}/digest", _is_digest(told["digest"]))
    return WordPaper(told["id"], told["version"], told["digest"])


def _object(content: bytes, name: str, members: set[str]) -> Mapping[str, Any]:
    told = read_json(content, LIMITS)
    _check(name, isinstance(told, dict) and told.keys() == {"v", *members} and told["v"] == VERSION and told["v"] is not True)
    assert isinstance(told, dict)
    return told


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= NAME_MAX


def _check(place: str, holds: bool) -> None:
    if not holds:
        problem = Problem(place, "format.rule_paper", "形式不正确", "not in its form")
        raise FormatError(
            "format.rule_paper",
            "规则的测试单或签署单不合格式",
            "the trial or the word on a rule file is not in its form",
            problems=(problem,),
        )
