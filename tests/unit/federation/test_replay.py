"""Fresh, repeat, conflict."""

from datetime import timedelta

import pytest

from gateway.federation.envelope import reseal
from gateway.federation.replay import Conflict, Fresh, Repeat, Seen, judge
from tests.support.envelopes import JTI, LATER, NOW, OTHER_JTI, SHANGHAI, content, opened, sealed

FIRST = opened(sealed())
SEEN = Seen("CN-31", JTI, FIRST.content_digest, b'{"state": "delivering"}')


def test_judge_when_nothing_is_stored_then_is_fresh() -> None:  # EN-40
    assert judge(None, FIRST) == Fresh()


def test_judge_when_the_same_comes_again_then_gives_the_stored_answer() -> None:  # EN-41
    assert judge(SEEN, FIRST) == Repeat(SEEN.answer)


def test_judge_when_signed_again_long_after_then_is_still_a_repeat() -> None:  # EN-41, EN-43
    again = reseal(sealed(), key=SHANGHAI, iss="CN-31", iat=NOW + timedelta(days=90), exp=LATER + timedelta(days=90))
    assert judge(SEEN, opened(again, http=None)) == Repeat(SEEN.answer)


def test_judge_when_the_id_is_used_for_another_message_then_conflicts_with_both_digests() -> None:  # EN-44
    contents = (content("request", b"<request>2</request>"), content("identity"), content("consent"))
    other = opened(sealed(contents=contents), contents)
    verdict = judge(SEEN, other)
    assert verdict == Conflict(FIRST.content_digest, other.content_digest)
    assert isinstance(verdict, Conflict)
    error = verdict.error()
    assert error.code == "trust.replay_conflict"
    assert error.facts == {"stored": FIRST.content_digest, "given": other.content_digest}
    assert FIRST.content_digest in error.en
    assert other.content_digest in error.zh


def test_judge_when_given_the_record_of_another_message_then_asserts() -> None:
    with pytest.raises(AssertionError):
        judge(SEEN, opened(sealed(jti=OTHER_JTI)))
