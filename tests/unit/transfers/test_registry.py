"""Agreements of the trust file: both signatures or none, and a malformed text stops the file."""

from dataclasses import replace

import pytest
from support.region import key_of, trust_data

from gateway.errors import TrustError
from gateway.federation.members import SignedAgreement, Status
from gateway.federation.registry import TrustFile, sign_agreement
from gateway.transfers.registry import Registry, signed_agreements


def with_first(**changes: object) -> TrustFile:
    data = trust_data()
    first, *others = data.agreements
    return TrustFile(replace(data, agreements=(replace(first, **changes), *others)))


def test_agreements_when_both_signed_then_all_count() -> None:
    assert len(signed_agreements(TrustFile(trust_data()))) == 12


@pytest.mark.parametrize("kept", [(), ("CN-31",), ("CN-32",)])
def test_agreement_when_a_signature_is_missing_then_it_does_not_count(kept: tuple[str, ...]) -> None:
    signatures = {bank: jws for bank, jws in trust_data().agreements[0].signatures.items() if bank in kept}
    assert len(signed_agreements(with_first(signatures=signatures))) == 11


def test_agreement_when_text_was_changed_or_another_signed_then_it_does_not_count() -> None:
    first = trust_data().agreements[0]
    changed = first.text.replace("2030", "2040")
    assert len(signed_agreements(with_first(text=changed))) == 11
    forged = {bank: sign_agreement(key_of("CN-33"), first.text) for bank in first.signatures}
    assert len(signed_agreements(with_first(signatures=forged))) == 11
    assert len(signed_agreements(with_first(id="another"))) == 11


@pytest.mark.parametrize("text", ["[]", "{}", "nonsense", '{"id": "CN-31-CN-32", "kinds": [], "suspended": false}'])
def test_agreement_when_text_has_another_form_then_the_file_is_refused(text: str) -> None:
    with pytest.raises(TrustError) as caught:
        signed_agreements(with_first(text=text))
    assert caught.value.code == "trust.bad_registry"


def test_registry_when_replaced_then_answers_with_the_new_file() -> None:
    data = trust_data()
    registry = Registry(TrustFile(data))
    assert len(registry.active()) == 4
    members = tuple(replace(member, status=Status.SUSPENDED) if member.id == "CN-33" else member for member in data.members)
    no_agreements: tuple[SignedAgreement, ...] = ()
    registry.replace(TrustFile(replace(data, serial=2, members=members, agreements=no_agreements)))
    assert (registry.active(), registry.agreements) == (frozenset({"CN-31", "CN-32", "CN-34"}), ())
