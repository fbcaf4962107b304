"""The witness protocol's two ends: what is cosigned, what is refused and how, and which answers count (TL-34, TL-35)."""

import base64
from typing import Any

import pytest

from gateway.errors import TransferLogError
from gateway.transferlog import tiles
from gateway.transferlog.checkpoint import COSIGNATURE, cosign, sign_note, write_checkpoint
from gateway.transferlog.merkle import EMPTY_ROOT
from gateway.transferlog.witness import Cosigned, Declined, Extends, Head, Holds, Refused, judge, parse_answer, parse_offer, write_offer


@pytest.fixture(scope="module")
def rows(shop: Any) -> Any:
    return shop.stored([f"leaf {n}".encode() for n in range(300)])


@pytest.fixture(scope="module")
def heads(rows: Any) -> dict[int, bytes]:
    return {size: tiles.restore(size, rows.get_tile).root() for size in (1, 7, 8, 255, 256, 300)}


def signed(shop: Any, size: int, root: bytes, key: str = "") -> str:
    signer = shop.Signer(key or shop.origin)
    return sign_note(write_checkpoint(shop.origin, size, root), signer.key.name, signer.key.id, signer.sign)


def offer(shop: Any, rows: Any, heads: dict[int, bytes], old: int, size: int) -> str:
    proof = tiles.consistency_proof(old, size, rows.get_tile) if 0 < old < size else ()
    return write_offer(old, proof, signed(shop, size, heads[size]))


@pytest.mark.parametrize(("old", "size"), [(0, 7), (7, 7), (7, 8), (8, 256), (255, 300), (256, 300)])
def test_offer_when_it_extends_what_is_held_then_it_may_be_cosigned(
    shop: Any, rows: Any, heads: dict[int, bytes], old: int, size: int
) -> None:
    verdict = judge(offer(shop, rows, heads, old, size), Head(old, heads.get(old, EMPTY_ROOT)), shop.Signer(shop.origin).verifier)
    assert isinstance(verdict, Extends)
    assert (verdict.checkpoint.size, verdict.checkpoint.root) == (size, heads[size])
    assert verdict.note == signed(shop, size, heads[size])


def test_offer_when_the_log_believes_another_size_then_409_with_the_size_held(shop: Any, rows: Any, heads: dict[int, bytes]) -> None:
    log = shop.Signer(shop.origin).verifier
    behind = judge(offer(shop, rows, heads, 7, 300), Head(256, heads[256]), log)
    assert isinstance(behind, Refused)
    assert (behind.status, behind.text, behind.code) == (409, "256\n", "transferlog.other_size")
    shrunk = judge(offer(shop, rows, heads, 7, 8), Head(256, heads[256]), log)
    assert isinstance(shrunk, Refused)
    assert (shrunk.status, shrunk.text, shrunk.code) == (409, "256\n", "transferlog.rolled_back")


def test_offer_when_the_root_of_one_size_differs_then_409_and_a_conflict(shop: Any, rows: Any, heads: dict[int, bytes]) -> None:
    text = write_offer(7, (), signed(shop, 7, b"\x07" * 32))
    verdict = judge(text, Head(7, heads[7]), shop.Signer(shop.origin).verifier)
    assert verdict == Refused(409, "transferlog.split_view", 7, conflict=True)


def test_offer_when_the_proof_is_wrong_then_422(shop: Any, rows: Any, heads: dict[int, bytes]) -> None:
    log, good = shop.Signer(shop.origin).verifier, tiles.consistency_proof(7, 256, rows.get_tile)
    note = signed(shop, 256, heads[256])
    for proof in ([], good[:-1], [*good, good[0]], [good[0][::-1], *good[1:]], tiles.consistency_proof(8, 256, rows.get_tile)):
        assert judge(write_offer(7, proof, note), Head(7, heads[7]), log) == Refused(422, "transferlog.bad_proof", None, conflict=True)
    assert judge(write_offer(7, good, note), Head(7, b"\x01" * 32), log) == Refused(422, "transferlog.bad_proof", None, conflict=True)


def test_offer_when_the_note_is_not_this_logs_then_403_or_404(shop: Any, heads: dict[int, bytes]) -> None:
    log = shop.Signer(shop.origin).verifier
    note = signed(shop, 7, heads[7])
    assert judge(write_offer(0, (), signed(shop, 7, heads[7], "other.example")), None, log).status == 403
    assert judge(write_offer(0, (), note.replace("\n7\n", "\n8\n", 1)), None, log).status == 403
    foreign = shop.Signer("other.example")
    body = write_checkpoint("other.example", 7, heads[7])
    assert judge(write_offer(0, (), sign_note(body, foreign.key.name, foreign.key.id, foreign.sign)), None, log).status == 404


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("old 7", "old 07"),
        lambda text: text.replace("old 7", "new 7"),
        lambda text: text.replace("old 7", "old 9"),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.replace("old 7\n", "old 7\n" + base64.b64encode(b"short").decode() + "\n"),
        lambda text: text.replace("old 7\n", "old 7\n" + (base64.b64encode(bytes(32)).decode() + "\n") * 64),
        lambda text: "",
    ],
)
def test_offer_when_malformed_then_400(shop: Any, rows: Any, heads: dict[int, bytes], spoil: Any) -> None:
    verdict = judge(spoil(offer(shop, rows, heads, 7, 8)), Head(7, heads[7]), shop.Signer(shop.origin).verifier)
    assert isinstance(verdict, Refused)
    assert verdict.status == 400


def test_offer_when_written_then_reads_back(shop: Any, rows: Any, heads: dict[int, bytes]) -> None:
    proof = tiles.consistency_proof(7, 300, rows.get_tile)
    found = parse_offer(offer(shop, rows, heads, 7, 300))
    assert (found.old, list(found.proof), found.note) == (7, proof, signed(shop, 300, heads[300]))
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_offer"):
        parse_offer("old 7")


def test_answer_when_it_holds_then_cosigned_and_else_never(shop: Any, heads: dict[int, bytes]) -> None:
    witness, other = shop.Signer("bank-1.example", COSIGNATURE), shop.Signer("bank-2.example", COSIGNATURE)
    note, body = signed(shop, 7, heads[7]), write_checkpoint(shop.origin, 7, heads[7])

    def line(signer: Any, text: str = body) -> str:
        return cosign(text, signer.key.name, signer.key.id, 1_700_000_000, signer.sign)

    assert parse_answer(200, line(witness), note, witness.verifier) == Cosigned(line(witness), 1_700_000_000)
    assert parse_answer(200, line(other) + line(witness), note, witness.verifier) == Cosigned(line(witness), 1_700_000_000)
    wrong = (
        line(other),
        line(witness, write_checkpoint(shop.origin, 8, heads[7])),
        line(witness).rstrip("\n"),
        "",
        "\n",
        line(witness) * 9000,
    )
    for text in wrong:
        assert parse_answer(200, text, note, witness.verifier) == Declined(200, off_protocol=True)
    forged = cosign(body, witness.key.name, witness.key.id, 1_700_000_000, other.sign)
    assert parse_answer(200, forged, note, witness.verifier) == Declined(200, off_protocol=True)


def test_answer_when_it_is_a_refusal_then_read_by_its_status(shop: Any) -> None:
    witness = shop.Signer("bank-1.example", COSIGNATURE).verifier
    assert parse_answer(409, "256\n", "", witness) == Holds(256)
    assert parse_answer(409, "256", "", witness) == Holds(256)
    assert parse_answer(409, "-1\n", "", witness) == Declined(409, off_protocol=True)
    assert parse_answer(409, "9" * 40, "", witness) == Declined(409, off_protocol=True)
    assert parse_answer(422, "", "", witness) == Declined(422)
    assert parse_answer(302, "", "", witness) == Declined(302, off_protocol=True)
