"""Every way to bend a bundle has its own reason for being refused; a log rewritten by the gateway itself is no way round.

EV-1 to EV-20; what a learner's proof leaves out is said (EV-22).
"""

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.evidence import Bundle, Court, codes, cosigned, court, leaf_changed, logged_of, relogged, under, verified
from support.region import ORIGIN, key_of

from gateway.federation.registry import TrustFile
from gateway.model.canonical import b64url, unb64url
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey
from gateway.verifier.verify import verify_bundle

DECIDED = 2
"""The place of the decision among the leaves of the case."""
LAST = -1


@pytest.fixture(scope="module")
def given() -> Court:
    return court()


def changed(bundle: Bundle, change: Callable[[Bundle], Any]) -> Bundle:
    found = copy.deepcopy(bundle)
    change(found)
    return found


def decision_of(bundle: Bundle) -> Bundle:
    found: Bundle = next(each for each in bundle["messages"] if each["contents"] and each["contents"][0]["name"] == "decision")
    return found


def test_bundle_when_untouched_then_it_holds_is_final_and_says_who_recognised_what(given: Court) -> None:
    report = verified(given.bundle, given.trust)
    assert (report.findings, report.final, len(report.cosigned), report.state) == ([], True, 3, "settled")
    assert [each.en for each in report.shown if "3.0 credits recognised, item 1" in each.en and "to exactly these" in each.en]
    assert any("revoked, the reversal is not yet booked" in each.en for each in report.shown)
    assert report.not_done == {}


def test_scalars_when_any_one_is_changed_then_found(given: Court) -> None:
    """Every value in the file, at every place."""
    missed = []
    for path, value in scalars(given.bundle):
        bent = changed(given.bundle, lambda found, path=path, value=value: put(found, path, bent_value(value)))
        if verified(bent, given.trust).ok:
            missed.append(path)
    assert missed == []


def test_rows_when_any_one_is_dropped_or_doubled_then_found(given: Court) -> None:
    missed = []
    for path, rows in lists(given.bundle):
        for place in range(len(rows)):
            dropped = changed(given.bundle, lambda found, path=path, place=place: at(found, path).pop(place))
            doubled = changed(given.bundle, lambda found, path=path, place=place: at(found, path).insert(place, at(found, path)[place]))
            missed += [(path, place, "dropped")] if verified(dropped, given.trust).ok else []
            missed += [(path, place, "doubled")] if verified(doubled, given.trust).ok else []
    assert missed == []


def scalars(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, inner in pairs for found in scalars(inner, (*path, key))]
    return [(path, value)]


def lists(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], list[Any]]]:
    if not isinstance(value, dict | list):
        return []
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    own = [(path, value)] if isinstance(value, list) and path[-1] != "fields" and len(path) < 5 else []
    return own + [found for key, inner in pairs for found in lists(inner, (*path, key))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    at(value, path[:-1])[path[-1]] = new


def bent_value(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case None:
            return "2026-01-01T00:00:00Z"
        case _:
            middle = len(value) // 2
            return value[:middle] + ("B" if value[middle : middle + 1] == "A" else "A") + value[middle + 1 :]


# ---------------------------------------------------------------- what the leaf covers (one vector a field)

FIELDS: dict[str, tuple[int, Callable[[dict[str, Any]], None], set[str]]] = {
    # field: place of the leaf, change, what finds it even where the gateway made the whole log anew
    "request digest": (DECIDED, lambda leaf: leaf.update(envelope=leaf["envelope"][:-2] + "AA"), {"evidence.bad_envelope"}),
    "content digest": (DECIDED, lambda leaf: leaf["content"][0].__setitem__(1, "0" * 64), {"evidence.other_envelope"}),
    "answer digest": (DECIDED, lambda leaf: leaf.update(answer="0" * 64), {"evidence.answer_changed"}),
    "status": (DECIDED, lambda leaf: leaf.update(status=202), {"evidence.other_answer"}),
    "state before": (DECIDED, lambda leaf: leaf.update(state_before="disputed"), {"evidence.broken_steps"}),
    "state after": (DECIDED, lambda leaf: leaf.update(state_after="settled"), {"evidence.broken_steps"}),
    "actor": (DECIDED, lambda leaf: leaf.update(actor="CN-33"), {"evidence.other_envelope"}),
    "issuer": (DECIDED, lambda leaf: leaf.update(iss="CN-33"), {"evidence.other_envelope"}),
    "message id": (DECIDED, lambda leaf: leaf.update(jti="AAAAAAAAAAAAAAAAAAAAAA"), {"evidence.other_envelope"}),
    "key id": (DECIDED, lambda leaf: leaf.update(kid=key_of("CN-33").kid), {"evidence.other_envelope"}),
    "role": (DECIDED, lambda leaf: leaf.update(role="source"), {"evidence.role"}),
    "rule version": (DECIDED, lambda leaf: leaf.update(rules="OTHER-2"), {"evidence.other_basis"}),
    "mapping version": (DECIDED, lambda leaf: leaf["mapping"].__setitem__(1, "9.9.9"), {"evidence.other_basis"}),
    "mapping as read": (0, lambda leaf: leaf["mapping"].__setitem__(1, "9.9.9"), {"evidence.other_basis"}),
    "type": (DECIDED, lambda leaf: leaf.update(type="transfer.amended"), {"evidence.broken_steps"}),
    "type of a quiet act": (3, lambda leaf: leaf.update(type="transfer.upheld"), {"evidence.other_envelope"}),
    "time": (DECIDED, lambda leaf: leaf.update(at="2026-11-02T00:00:00.000000Z"), {"evidence.broken_steps"}),
    "time of opening": (0, lambda leaf: leaf.update(at="2026-11-01T00:00:00.000000Z"), {"evidence.other_envelope"}),
    "seq": (DECIDED, lambda leaf: leaf.update(seq=7), {"evidence.broken_steps"}),
    "ver": (DECIDED, lambda leaf: leaf.update(ver=leaf["ver"] + 1), {"evidence.other_answer"}),
    "deadline": (DECIDED, lambda leaf: leaf.update(deadline="2027-01-01T00:00:00.000000Z"), {"evidence.other_answer"}),
    "item state": (DECIDED, lambda leaf: leaf["items"][0].__setitem__(2, "closed"), {"evidence.decision_items"}),
    "item commitment": (DECIDED, lambda leaf: leaf["items"][0].__setitem__(0, "0" * 64), {"evidence.other_record"}),
    "totals": (DECIDED, lambda leaf: leaf["totals"].update(submitted="9", pending="9", recognised="0", refused="0"), {"evidence.totals"}),
    "credits awarded": (DECIDED, lambda leaf: leaf["facts"].update(awarded="4.0"), {"evidence.credits"}),
    "uncounted": (DECIDED, lambda leaf: leaf["facts"].update(uncounted=2), {"evidence.totals"}),
    "loss report": (0, lambda leaf: leaf["facts"].update(loss="0" * 64), {"evidence.content_missing", "evidence.unbound"}),
    "banks": (0, lambda leaf: leaf["facts"].update(accepting="CN-34"), {"evidence.other_request"}),
    "scope": (DECIDED, lambda leaf: leaf.update(scope="0" * 64), {"evidence.other_case"}),
}


@pytest.mark.parametrize("field", FIELDS)
def test_leaf_when_one_field_is_changed_then_it_is_not_the_leaf_in_the_log(given: Court, field: str) -> None:
    place, change, _ = FIELDS[field]
    raw = leaf_changed(given.bundle, place, change)
    bent = changed(given.bundle, lambda found: found["leaves"][place].update(leaf=b64url(raw)))
    assert "evidence.bad_proof" in codes(bent, given.trust)


@pytest.mark.parametrize("field", FIELDS)
def test_leaf_when_the_gateway_makes_the_log_anew_then_its_own_reason_and_no_witness(given: Court, field: str) -> None:
    place, change, wanted = FIELDS[field]
    found = codes(relogged(given.bundle, {place: leaf_changed(given.bundle, place, change)}), given.trust)
    assert wanted | {"evidence.not_final", "evidence.cosigners"} <= found
    assert "evidence.bad_proof" not in found


def test_log_when_made_anew_with_the_same_leaves_then_only_the_witnesses_miss(given: Court) -> None:
    assert codes(relogged(given.bundle, {}), given.trust) == {"evidence.not_final", "evidence.cosigners"}


# ---------------------------------------------------------------- whole forgeries, each with its reason


def rebound(found: Bundle, other: Bundle) -> None:
    """Bound to another case: its number, with this one's leaves."""
    found["transfer"] = other["transfer"]


def swapped_document(found: Bundle) -> None:
    piece = decision_of(found)["contents"][0]
    words = base64.b64decode(piece["data"]).replace(b"3.0", b"4.0")
    piece["data"] = base64.b64encode(words).decode()


def swapped_answer(found: Bundle) -> None:
    first, second = found["messages"][1], found["messages"][2]
    first["answer"], second["answer"] = second["answer"], first["answer"]


def shorter_proof(found: Bundle) -> None:
    lines = found["leaves"][DECIDED]["proof"].split("\n")
    found["leaves"][DECIDED]["proof"] = "\n".join(lines[:2] + lines[3:])


def other_size(found: Bundle) -> None:
    found["log"]["size"] += 1


def without_witness(found: Bundle) -> None:
    note = found["log"]["checkpoint"]
    put_note(found, note[: note.rindex("\n", 0, -1) + 1])


def put_note(found: Bundle, note: str) -> None:
    found.update(under(found, note))


def broken_cosignature(found: Bundle) -> None:
    """One bit of a known witness's signature."""
    head, _, line = found["log"]["checkpoint"].rstrip("\n").rpartition(" ")
    raw = bytearray(base64.b64decode(line))
    raw[-1] ^= 1
    put_note(found, f"{head} {base64.b64encode(raw).decode()}\n")


def leaf_of_another_case(found: Bundle, other: Bundle) -> None:
    found["leaves"].append(other["leaves"][LAST])


def record_of_another_case(found: Bundle, other: Bundle) -> None:
    found["records"].append(other["records"][0])


def message_of_another_case(found: Bundle, other: Bundle) -> None:
    found["messages"].append(other["messages"][0])


def key_from_elsewhere(found: Bundle) -> None:
    found["keys"][0]["added"] = found["keys"][1]["added"]


def without_field(found: Bundle) -> None:
    """A field is hidden where everything is said to be shown."""
    found["records"][0]["fields"].pop()


FORGERIES: dict[str, tuple[Callable[..., None], set[str]]] = {
    "bound to another case": (rebound, {"evidence.other_case"}),
    "a swapped document": (swapped_document, {"evidence.content_changed"}),
    "a swapped answer": (swapped_answer, {"evidence.answer_changed"}),
    "a proof of the wrong size": (shorter_proof, {"evidence.bad_proof"}),
    "another size": (other_size, {"evidence.bad_checkpoint"}),
    "a stripped witness": (without_witness, {"evidence.not_final", "evidence.cosigners"}),
    "a broken cosignature": (broken_cosignature, {"evidence.bad_cosignature"}),
    "another case's leaf": (leaf_of_another_case, {"evidence.other_case"}),
    "another case's record": (record_of_another_case, {"evidence.other_record"}),
    "another case's message": (message_of_another_case, {"evidence.other_message"}),
    "another key's leaf": (key_from_elsewhere, {"evidence.key_position"}),
    "a hidden field": (without_field, {"evidence.record_changed"}),
    "a proof under another checkpoint": (
        lambda found: found["leaves"][1].update(proof=found["leaves"][1]["proof"][:-1] + "\n\n"),
        {"evidence.other_checkpoint"},
    ),
    "no opening": (lambda found: found["leaves"].pop(0), {"evidence.no_opening"}),
    "a step left out": (lambda found: found["leaves"].pop(1), {"evidence.broken_steps"}),
    "no message": (lambda found: found["messages"].clear(), {"evidence.content_missing", "evidence.answer_missing"}),
    "no record": (lambda found: found["records"].clear(), {"evidence.record_missing"}),
    "no key": (lambda found: found["keys"].clear(), {"evidence.unknown_key"}),
    "less than final": (lambda found: found["log"].update(final=False), {"evidence.other_finality"}),
    "a claim withdrawn": (lambda found: found["not_proven"].pop(), {"evidence.form"}),
    "a member more": (lambda found: found.update(note="hello"), {"evidence.form"}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_when_made_then_refused_with_its_own_reason(given: Court, name: str) -> None:
    forge, wanted = FORGERIES[name]
    takes = forge.__code__.co_argcount if hasattr(forge, "__code__") else 1
    bent = changed(given.bundle, (lambda found: forge(found, given.other)) if takes == 2 else forge)
    assert wanted <= codes(bent, given.trust)


def test_proof_when_its_own_index_or_an_extra_line_differs_then_bad_proof(given: Court) -> None:
    for old, new in ((f"index {given.bundle['leaves'][1]['index']}\n", "index 0\n"), ("\nindex", "\nextra AAAA\nindex")):
        proof = given.bundle["leaves"][1]["proof"].replace(old, new, 1)
        bent = changed(given.bundle, lambda found, proof=proof: found["leaves"][1].update(proof=proof))
        assert codes(bent, given.trust) == {"evidence.bad_proof"}


def test_content_when_its_type_is_another_than_was_signed_then_changed(given: Court) -> None:
    bent = changed(given.bundle, lambda found: decision_of(found)["contents"][0].update(type="text/xml"))
    assert "evidence.content_changed" in codes(bent, given.trust)


def test_case_when_every_leaf_is_moved_to_a_scope_of_anothers_then_the_id_does_not_follow(given: Court) -> None:
    """By a gateway that makes the whole log anew."""
    moved = {
        place: leaf_changed(given.bundle, place, lambda leaf: leaf.update(scope="0" * 64)) for place in range(len(given.bundle["leaves"]))
    }
    bent = relogged(given.bundle, moved)
    bent["transfer"] = "0" * 64
    report = verified(bent, given.trust)
    assert any(each.code == "evidence.other_case" and "iss, jti" in each.en for each in report.findings)


def test_bundle_when_cut_short_or_no_json_then_unreadable(given: Court) -> None:
    raw = json.dumps(given.bundle).encode()
    for broken in (raw[: len(raw) // 2], b"", b"{}{}", raw[:-1], b"\xff" + raw, raw.replace(b'"v": 1', b'"v": 1, "v": 1', 1)):
        assert [finding.code for finding in verify_bundle(broken, given.trust).findings] == ["evidence.unreadable"]


@pytest.mark.parametrize("place", ["leaf", "proof", "answer"])
def test_bundle_when_random_bytes_stand_in_a_place_then_named_and_nothing_raised(given: Court, place: str) -> None:
    noise = "\ud7ff￿ \x7f" * 50
    bent = copy.deepcopy(given.bundle)
    if place == "answer":
        bent["messages"][0]["answer"]["body"] = noise
    else:
        bent["leaves"][0][place] = noise if place == "proof" else b64url(noise.encode())
    assert codes(bent, given.trust)


# ---------------------------------------------------------------- other trust, other keys


def test_trust_file_when_of_another_region_then_said_so(given: Court) -> None:
    gateway = replace(given.trust.data.gateway, log_vkey=other_log())
    assert codes(given.bundle, TrustFile(replace(given.trust.data, gateway=gateway))) == {"evidence.other_trust"}
    gateway = replace(given.trust.data.gateway, id="CN-XX")
    assert codes(given.bundle, TrustFile(replace(given.trust.data, gateway=gateway))) == {"evidence.other_trust"}


def other_log() -> str:
    return NoteKey(ORIGIN, LOG_SIGNATURE, key_of("another log").public_raw).vkey


def test_key_when_the_trust_file_has_revoked_it_before_the_leaf_then_not_valid(given: Court) -> None:
    """An older key: the bundle keeps silent about its end."""
    index = given.bundle["leaves"][DECIDED]["index"]
    accepting = next(member for member in given.trust.data.members if member.id == "CN-32")
    ended = replace(accepting.keys[0], revoked_at=accepting.keys[0].not_before + timedelta(days=1), log_from=None, log_until=index)
    found = codes(given.bundle, with_key(given.trust, "CN-32", ended))
    assert {"evidence.key_not_valid", "evidence.key_position"} <= found


def test_key_when_out_of_its_dates_then_not_valid(given: Court) -> None:
    accepting = next(member for member in given.trust.data.members if member.id == "CN-32")
    old = replace(accepting.keys[0], not_after=accepting.keys[0].not_before + timedelta(days=1))
    assert {"evidence.key_not_valid", "evidence.other_key"} <= codes(given.bundle, with_key(given.trust, "CN-32", old))


def test_key_when_revoked_after_the_bundle_was_made_then_it_still_holds(given: Court) -> None:
    accepting = next(member for member in given.trust.data.members if member.id == "CN-32")
    size = given.bundle["log"]["size"]
    ended = replace(accepting.keys[0], revoked_at=accepting.keys[0].not_before + timedelta(days=90), log_until=size + 5)
    assert codes(given.bundle, with_key(given.trust, "CN-32", ended)) == set()


def with_key(trust: TrustFile, member: str, record: Any) -> TrustFile:
    members = tuple(replace(each, keys=(record,)) if each.id == member else each for each in trust.data.members)
    return TrustFile(replace(trust.data, members=members))


def test_quorum_when_not_reached_then_logged_and_not_final(given: Court) -> None:
    plain = relogged(given.bundle, {})
    two = cosigned(plain, ("CN-31", "CN-34"))
    report = verified(two, given.trust)
    assert (report.findings, report.final, [name for name, _ in report.cosigned]) == (
        [], False, ["witness.test/CN-31", "witness.test/CN-34"],
    )  # fmt: skip
    assert "evidence.not_final" in codes(changed(two, lambda found: found["log"].update(final=True)), given.trust)


# ---------------------------------------------------------------- a learner's proof


def test_learners_proof_when_one_item_is_chosen_then_nothing_else_is_in_it(given: Court) -> None:
    report = verified(given.learner, given.trust)
    assert (report.findings, report.final, len(given.learner["records"])) == ([], True, 1)
    assert {"contents", "answers", "documents", "decision"} == set(report.not_done)
    shown = {name for name, _, _ in given.learner["records"][0]["fields"]}
    assert {"source.record", "size.credits", "title"} <= shown
    assert not any(name.startswith("result.") and name != "result.passed" for name in shown)
    assert given.learner["records"][0]["others"]
    raw = json.dumps(given.learner, ensure_ascii=False)
    other = next(
        value for each in given.other["records"] for name, value, _ in each["fields"]
        if name == "source.record" and each["cm"] != given.learner["records"][0]["cm"]
    )  # fmt: skip
    assert other not in raw
    assert any("recognised, not revoked" in each.en for each in report.shown)


@pytest.mark.parametrize("place", range(3))
def test_learners_proof_when_a_field_is_changed_then_refused(given: Court, place: int) -> None:
    new = "x" if place < 2 else b64url(bytes(32))
    bent = changed(given.learner, lambda found: found["records"][0]["fields"][4].__setitem__(place, new))
    assert codes(bent, given.trust) == {"evidence.record_changed"}


def test_learners_proof_when_another_record_takes_its_place_then_refused(given: Court) -> None:
    bent = changed(given.learner, lambda found: found.update(records=[given.bundle["records"][0]]))
    assert codes(bent, given.trust) == {"evidence.other_record"}


def test_leaves_when_read_back_then_each_stands_once_under_one_checkpoint(given: Court) -> None:
    notes = {each["proof"].partition("\n\n")[2] for each in logged_of(given.bundle)}
    assert notes == {given.bundle["log"]["checkpoint"]}
    assert all(json.loads(unb64url(each["leaf"]))["scope"] == given.bundle["transfer"] for each in given.bundle["leaves"])
