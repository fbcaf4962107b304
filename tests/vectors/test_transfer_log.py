"""Published vectors: RFC 6962 roots, signed notes, tile paths; and an independent RFC 8785 encoder."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.keys import verify_ed25519
from gateway.errors import TransferLogError
from gateway.transferlog import merkle, tiles
from gateway.transferlog.checkpoint import Verifier, decode_vkey, open_note, parse_checkpoint
from gateway.transferlog.leaf import Leaf, commit_record, leaf_bytes, open_field, parse_leaf, verify_opening

# The reference leaves and roots of the certificate-transparency test suite.
LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

# The example of the Go package golang.org/x/mod/sumdb/note.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


@pytest.mark.parametrize("size", range(9))
def test_root_of_the_reference_leaves_is_the_published_one(size: int) -> None:
    grown = tiles.append(tiles.TreeState(), [merkle.leaf_hash(leaf) for leaf in LEAVES[:size]])
    assert grown.root.hex() == ROOTS[size]


def test_note_of_the_go_package_opens_with_its_key() -> None:
    key = decode_vkey(GO_VKEY)
    assert key.vkey == GO_VKEY
    assert open_note(GO_NOTE, [Verifier(key, verify_ed25519)]).body == GO_NOTE.partition("\n\n")[0] + "\n"


def test_note_of_the_go_package_with_another_text_is_refused() -> None:
    with pytest.raises(TransferLogError, match=r"transferlog\.bad_signature"):
        open_note(GO_NOTE.replace("answer", "remedy"), [Verifier(decode_vkey(GO_VKEY), verify_ed25519)])


def test_key_of_a_public_log_decodes_and_shows_the_same() -> None:
    vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    assert decode_vkey(vkey).vkey == vkey


def test_checkpoint_body_of_the_specification_parses() -> None:
    head = parse_checkpoint("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")
    assert (head.origin, head.size, head.root.hex()[:8]) == ("example.com/behind-the-sofa", 20852163, "0ac5186a")


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (tiles.TileRef(0, 1_234_067), "tile/0/x001/x234/067"),
        (tiles.TileRef(0, 273, 112), "tile/0/273.p/112"),
        (tiles.TileRef(2, 0, 1), "tile/2/000.p/1"),
        (tiles.TileRef(1, 1_067, 5), "tile/1/x001/067.p/5"),
        (tiles.TileRef(tiles.ENTRIES, 1_000), "tile/entries/x001/000"),
        (tiles.TileRef(63, tiles.INDEX_MAX), "tile/63/x072/x057/x594/x037/x927/935"),
    ],
)
def test_tile_path_is_the_specifications_both_ways(ref: tiles.TileRef, path: str) -> None:
    assert tiles.tile_path(ref) == path
    assert tiles.parse_path(path) == ref


def test_tree_of_70000_has_the_tiles_of_the_specifications_example() -> None:
    assert tiles.edge_tiles(70_000) == [tiles.TileRef(0, 273, 112), tiles.TileRef(1, 1, 17), tiles.TileRef(2, 0, 1)]
    refs = tiles.all_tiles(70_000)
    assert len([ref for ref in refs if ref.level == 0 and ref.width == 256]) == 273
    assert len(refs) == 273 + 1 + 1 + 1 + 1


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True), st.text(max_size=30) | st.integers(0, 2**53 - 1) | st.booleans(), max_size=5
    ),
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.just("ab" * 32), st.integers(0, 10**9)),
        max_size=4,
        unique_by=lambda row: row[0],
    ),
)
def test_leaf_bytes_are_those_of_an_independent_encoder(facts: dict[str, str | int | bool], content: list[tuple[str, str, int]]) -> None:
    leaf = Leaf("note.made", "2024-06-30T08:00:00.000001Z", "scope", 0, "CN-31", "jti", facts=facts, content=tuple(content))
    plain = {"v": 1, "type": leaf.type, "at": leaf.at, "scope": "scope", "seq": 0, "iss": "CN-31", "jti": "jti", "n": 0}
    plain |= {"facts": facts} if facts else {}
    plain |= {"content": [list(row) for row in content]} if content else {}
    assert leaf_bytes(leaf) == rfc8785.dumps(plain)
    assert parse_leaf(leaf_bytes(leaf)) == leaf


def test_record_commitment_keeps_its_value_for_ever() -> None:
    fields = {"kind": "skill", "title": "电工"}
    commitment = commit_record(bytes(range(32)), fields)
    assert commitment == "87efdbd2b7f4980a876aa756758141dec7ae85e43b9d958eda7907e469eb9aa7"
    verify_opening(commitment, open_field(bytes(range(32)), fields, "title"))
