"""The trial and the words on a rule file: written and read again, and refused where they are not in their form.  PR-262, PR-263."""

import json
from typing import Any

import pytest

from gateway.errors import FormatError
from gateway.recognition.lifecycle import Trial
from gateway.recognition.rule_papers import TrialPaper, WordPaper, read_trial, read_word, write_trial, write_word

HEX = "ab" * 32
TRIAL = TrialPaper(Trial(HEX, 0, "cd" * 32), "2026.1")
WORD = WordPaper("demo/xzgl", "2026.2", HEX)


def test_papers_when_written_and_read_then_the_same() -> None:
    assert read_trial(write_trial(TRIAL)) == TRIAL
    assert read_word("approval", write_word(WORD)) == WORD
    assert read_trial(write_trial(TrialPaper(Trial(HEX, 3, "")))).trial.findings == 3


def bent(paper: bytes, **changes: Any) -> bytes:
    told = json.loads(paper) | changes
    return json.dumps({name: value for name, value in told.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"digest": HEX[1:]}, "trial/digest"),
        ({"digest": HEX.upper()}, "trial/digest"),
        ({"digest": None}, "trial/digest"),
        ({"simulation": "x"}, "trial/simulation"),
        ({"findings": "0"}, "trial/findings"),
        ({"findings": -1}, "trial/findings"),
        ({"findings": True}, "trial/findings"),
        ({"restores": 1}, "trial/restores"),
        ({"restores": "x" * 129}, "trial/restores"),
        ({"restores": ...}, "trial"),
        ({"v": 2}, "trial"),
        ({"v": True}, "trial"),
        ({"more": 1}, "trial"),
    ],
)
def test_trial_when_bent_then_refused_with_the_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_trial(bent(write_trial(TRIAL), **changes))
    assert (caught.value.code, caught.value.problems[0].path) == ("format.rule_paper", place)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"id": 1}, "approval/id"),
        ({"version": "x" * 129}, "approval/version"),
        ({"digest": ""}, "approval/digest"),
        ({"id": ...}, "approval"),
    ],
)
def test_word_when_bent_then_refused_with_the_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_word("approval", bent(write_word(WORD), **changes))
    assert (caught.value.code, caught.value.problems[0].path) == ("format.rule_paper", place)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"1", b'{"v":1,"v":1}', b" " * 5000, "〇".encode("gb18030")])
def test_papers_when_not_such_an_object_then_a_format_fault(raw: bytes) -> None:
    for read in (read_trial, lambda content: read_word("approval", content)):
        with pytest.raises(FormatError):
            read(raw)
