"""Details of the claims' forms that `unseal` shows only together."""

import pytest

from gateway.errors import FormatError
from gateway.federation import protocol
from gateway.federation.claims import canonical, check_claims, check_names, is_kid, is_member_id, read_object, unexpected, without_times
from gateway.model.canonical import jcs
from tests.support.envelopes import SHANGHAI, claims


def test_check_claims_when_all_optional_ones_are_there_then_finds_nothing() -> None:
    body = claims() | {
        "scp": "ab" * 32, "ver": 0, "irt": "AAECAwQFBgcICQoLDA0ODw", "delivered": "ab" * 32, "part": "cd" * 32,
        "mapping": ["shanghai-to-regional", "1.0"], "posture": "done", "reason": "no_such_account", "seq": 2**53 - 1,
    }  # fmt: skip
    assert check_claims(body) == ()
    assert body.keys() == {*protocol.CLAIMS_REQUIRED, *protocol.CLAIMS_OPTIONAL}


def test_canonical_when_claims_are_well_formed_then_is_rfc_8785() -> None:
    assert canonical(claims()) == jcs(claims())


def test_without_times_when_taken_then_drops_exactly_what_signing_again_changes() -> None:
    assert claims().keys() - without_times(claims()).keys() == {"iat", "exp", "htm", "htu"}


@pytest.mark.parametrize("act", sorted(protocol.CONTENT_NAMES))
def test_check_names_when_each_act_has_its_contents_then_finds_nothing(act: str) -> None:
    must, may = protocol.CONTENT_NAMES[act]
    assert check_names(act, must) == ()
    assert check_names(act, (*must, *may)) == ()
    assert [problem.code for problem in check_names(act, (*must, "stranger"))] == ["trust.unexpected_content"]
    for name in must:
        assert [problem.code for problem in check_names(act, set(must) - {name})] == ["trust.missing_content"]


def test_unexpected_when_a_name_is_not_of_our_form_then_does_not_repeat_it() -> None:
    assert [problem.path for problem in unexpected(["11010519491231002X", "part"])] == ["content ?", "content part"]


@pytest.mark.parametrize("raw", [b"[]", b"1", b"null", b'"x"'])
def test_read_object_when_json_is_no_object_then_refuses(raw: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        read_object(raw)
    assert caught.value.code == "format.not_object"


def test_ids_when_well_formed_or_not_then_told_apart() -> None:
    assert is_member_id("CN-YRD")
    assert not is_member_id("CN 31")
    assert not is_member_id("CN-31\n")
    assert is_kid(SHANGHAI.kid)
    assert not is_kid(SHANGHAI.kid[:-1] + "B")
