"""An audit finds every single changed byte, says which leaf, and judges what leaves say of each other (TL-7 to TL-13, TL-31 to TL-33)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import TransferLogError
from gateway.transferlog import folder, tiles
from gateway.transferlog.audit import AuditReport, audit, audit_folder
from gateway.transferlog.checkpoint import COSIGNATURE
from gateway.transferlog.continuity import Continuity, Fault
from gateway.transferlog.leaf import Leaf, leaf_bytes

SMALL = 5
LARGE = 700


def flipped(data: bytes, at: int, mask: int = 1) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


@pytest.fixture(scope="module")
def small(shop: Any) -> Any:
    return shop.stored(shop.honest(SMALL))


@pytest.fixture(scope="module")
def large(shop: Any) -> Any:
    return shop.stored(shop.honest(LARGE))


@pytest.fixture(scope="module")
def files(shop: Any, small: Any) -> dict[str, bytes]:
    return exported(small)


def exported(rows: Any) -> dict[str, bytes]:
    size = len(rows.leaves)
    return dict(folder.export_files(size, rows.note.decode(), rows.get_tile, lambda first, end: rows.leaves[first:end]))


def audited(shop: Any, files: dict[str, bytes], **changes: Any) -> AuditReport:
    return audit_folder(files.__getitem__, [shop.Signer(shop.origin).verifier], **changes)


@pytest.mark.parametrize("size", [0, 1, 5, 255, 256, 257, LARGE])
def test_honest_log_of_any_size_as_rows_and_as_files_is_found_good(shop: Any, size: int) -> None:
    rows = shop.stored(shop.honest(size)) if size else shop.stored([])
    for report in (audit(rows.source()), audited(shop, exported(rows))):
        assert report.finding is None
        assert (report.ok, report.leaves, report.root) == (True, size, rows.root)
        assert report.checkpoint is not None
        assert sum(report.types.values()) == size


def test_every_flipped_byte_of_every_leaf_row_is_found_and_the_leaf_is_within_the_finding(small: Any) -> None:
    for index, leaf in enumerate(small.leaves):
        for at in range(len(leaf)):
            rows = replace(small, leaves=[*small.leaves[:index], flipped(leaf, at), *small.leaves[index + 1 :]])
            finding = audit(rows.source()).finding
            assert finding is not None, (index, at)
            assert finding.index is not None
            assert finding.through is not None
            # A changed id may show first where another leaf refers to it; the finding then reaches back over the unfinished tile.
            assert finding.index <= index <= finding.through, (index, at, finding)


def test_every_flipped_byte_of_every_exported_file_is_found(shop: Any, files: dict[str, bytes]) -> None:
    assert sorted(files) == ["checkpoint", "tile/0/000.p/5", "tile/entries/000.p/5"]
    for path, data in files.items():
        for at in range(len(data)):
            assert not audited(shop, files | {path: flipped(data, at)}).ok, (path, at)


def test_flipped_leaf_byte_in_a_folder_names_exactly_that_leaf(shop: Any, files: dict[str, bytes], small: Any) -> None:
    path = "tile/entries/000.p/5"
    offset = 0
    for index, leaf in enumerate(small.leaves):
        finding = audited(shop, files | {path: flipped(files[path], offset + 2 + len(leaf) // 2)}).finding
        assert finding is not None
        assert (finding.index, finding.through, finding.code) == (index, index, "transferlog.leaf_changed")
        offset += 2 + len(leaf)


def test_flipped_tile_byte_in_a_folder_names_the_tile_and_the_leaf(shop: Any, files: dict[str, bytes]) -> None:
    path = "tile/0/000.p/5"
    for at in range(len(files[path])):
        finding = audited(shop, files | {path: flipped(files[path], at)}).finding
        assert finding is not None
        assert (finding.index, finding.code) == (at // 32, "transferlog.tile_changed")


def test_every_flipped_byte_of_head_and_checkpoint_is_found(small: Any) -> None:
    for at in range(32):
        finding = audit(small.source(root=flipped(small.root, at))).finding
        assert finding is not None
        assert (finding.index, finding.code) == (None, "transferlog.head_changed")
    for at in range(len(small.note)):
        assert not audit(small.source(checkpoint=flipped(small.note, at))).ok, at


def test_one_flipped_byte_in_each_hash_of_each_tile_row_names_its_leaves(large: Any) -> None:
    for row_id, data in large.tiles.items():
        level, index = row_id >> 56, row_id & tiles.INDEX_MAX
        step = 1 if level else 8
        for n in range(0, len(data) // 32, step):
            rows = replace(large, tiles=large.tiles | {row_id: flipped(data, n * 32 + n % 32)})
            finding = audit(rows.source()).finding
            assert finding is not None
            span = 256**level
            first = (index * 256 + n) * span
            assert (finding.index, finding.through, finding.code) == (first, first + span - 1, "transferlog.tile_changed")


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_flip_anywhere_in_a_larger_log_is_found(large: Any, data: st.DataObject) -> None:
    mask = data.draw(st.integers(1, 255))
    where = data.draw(st.sampled_from(["leaf", "tile", "root", "note"]))
    rows = replace(large)
    if where == "leaf":
        index = data.draw(st.integers(0, LARGE - 1))
        changed = flipped(rows.leaves[index], data.draw(st.integers(0, len(rows.leaves[index]) - 1)), mask)
        rows.leaves = [*rows.leaves[:index], changed, *rows.leaves[index + 1 :]]
        finding = audit(rows.source()).finding
        assert finding is not None
        if index < LARGE // 256 * 256:
            assert (finding.index, finding.code) == (index, "transferlog.leaf_changed")
        return
    if where == "tile":
        row_id = data.draw(st.sampled_from(sorted(rows.tiles)))
        changed = flipped(rows.tiles[row_id], data.draw(st.integers(0, len(rows.tiles[row_id]) - 1)), mask)
        rows.tiles = rows.tiles | {row_id: changed}
    elif where == "root":
        rows.root = flipped(rows.root, data.draw(st.integers(0, 31)), mask)
    else:
        rows.note = flipped(rows.note, data.draw(st.integers(0, len(rows.note) - 1)), mask)
    assert not audit(rows.source()).ok


def test_flip_that_shows_in_a_later_leaf_of_a_full_tile_names_the_changed_leaf(shop: Any, large: Any) -> None:
    changed = large.leaves[3].replace(shop.hexed("case 1").encode(), shop.hexed("case x").encode(), 1)
    assert changed != large.leaves[3]
    finding = audit(replace(large, leaves=[*large.leaves[:3], changed, *large.leaves[4:]]).source()).finding
    assert finding is not None
    assert (finding.index, finding.through, finding.code) == (3, 3, "transferlog.leaf_changed")


def test_leaf_and_its_tile_rewritten_together_are_found_one_level_up(shop: Any, large: Any) -> None:
    forged = shop.honest(LARGE)
    forged[10] = forged[10].replace(b'"status":202', b'"status":200')
    other = shop.stored(forged)
    rows = replace(large, leaves=forged, tiles=large.tiles | {0: other.tiles[0]})
    finding = audit(rows.source()).finding
    assert finding is not None
    assert (finding.index, finding.through, finding.code) == (0, 255, "transferlog.tile_changed")


def test_log_rewritten_whole_with_its_head_is_found_by_the_signed_checkpoint(shop: Any, large: Any) -> None:
    forged = shop.honest(LARGE)
    forged[10] = forged[10].replace(b'"status":202', b'"status":200')
    finding = audit(shop.stored(forged).source(checkpoint=large.note)).finding
    assert finding is not None
    assert finding.code == "transferlog.root_mismatch"


def test_log_rewritten_whole_and_signed_again_is_found_by_a_head_seen_earlier(shop: Any) -> None:
    earlier = shop.stored(shop.honest(300))
    forged = shop.honest(LARGE)
    forged[10] = forged[10].replace(b'"status":202', b'"status":200')
    finding = audit(shop.stored(forged).source(earlier=[(0, shop.stored([]).root), (300, earlier.root)])).finding
    assert finding is not None
    assert (finding.index, finding.through, finding.code) == (0, 299, "transferlog.root_mismatch")


def test_rewriting_after_a_good_head_names_only_what_came_after_it(shop: Any) -> None:
    heads = [(size, shop.stored(shop.honest(size)).root) for size in (256, 600)]
    forged = shop.honest(LARGE)
    forged[300] = forged[300].replace(b'"status":202', b'"status":200')
    finding = audit(shop.stored(forged).source(earlier=heads)).finding
    assert finding is not None
    assert (finding.index, finding.through, finding.code) == (256, 599, "transferlog.root_mismatch")


def test_readable_change_in_the_unfinished_tile_names_that_tile_only(large: Any) -> None:
    changed = large.leaves[650].replace(b'"status":202', b'"status":200')
    finding = audit(replace(large, leaves=[*large.leaves[:650], changed, *large.leaves[651:]]).source()).finding
    assert finding is not None
    assert (finding.index, finding.through, finding.code) == (512, LARGE - 1, "transferlog.root_mismatch")


def test_honest_log_extends_every_head_seen_earlier(shop: Any, large: Any) -> None:
    heads = [(size, shop.stored(shop.honest(size)).root) for size in (1, 2, 255, 256, 257, 512, 600)]
    assert audit(large.source(earlier=heads)).ok


def test_log_shorter_than_a_signed_checkpoint_is_rolled_back(shop: Any, large: Any) -> None:
    finding = audit(shop.stored(shop.honest(LARGE - 1)).source(checkpoint=large.note)).finding
    assert finding is not None
    assert (finding.index, finding.code) == (LARGE - 1, "transferlog.rolled_back")


@pytest.mark.parametrize(("index", "width"), [(0, 1), (3, 1), (300, 1), (LARGE - 1, 1), (256, 256)])
def test_missing_leaves_are_named(large: Any, index: int, width: int) -> None:
    entries = [entry for entry in enumerate(large.leaves) if not index <= entry[0] < index + width]
    finding = audit(large.source(entries=entries)).finding
    assert finding is not None
    assert (finding.index, finding.code) == (index, "transferlog.leaf_missing")


def test_leaf_beyond_the_head_is_named(large: Any) -> None:
    finding = audit(large.source(entries=[*enumerate(large.leaves), (LARGE, large.leaves[0])])).finding
    assert finding is not None
    assert (finding.index, finding.code) == (LARGE, "transferlog.leaf_extra")


def test_swapped_leaves_are_named(large: Any) -> None:
    leaves = list(large.leaves)
    leaves[20], leaves[21] = leaves[21], leaves[20]
    finding = audit(replace(large, leaves=leaves).source()).finding
    assert finding is not None
    assert (finding.index, finding.code) == (20, "transferlog.leaf_changed")


def test_missing_tile_row_is_named(large: Any) -> None:
    finding = audit(replace(large, tiles={key: row for key, row in large.tiles.items() if key != tiles.tile_id(1, 0)}).source()).finding
    assert finding is not None
    assert (finding.index, finding.code) == (0, "transferlog.tile_missing")
    finding = audit(large.source(get_tile=lambda *_: b"short")).finding
    assert finding is not None
    assert finding.code == "transferlog.tile_missing"


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000.p/5", "tile/entries/000.p/5"])
def test_missing_or_garbled_file_of_a_folder_is_a_finding(shop: Any, files: dict[str, bytes], path: str) -> None:
    assert audited(shop, {name: data for name, data in files.items() if name != path}).finding.code == "transferlog.file_missing"
    assert not audited(shop, files | {path: b"\xff"}).ok
    assert not audited(shop, files | {path: files[path] + b"x"}).ok


def test_checkpoint_without_enough_witnesses_is_not_final(shop: Any, small: Any) -> None:
    note = shop.note_of(SMALL, small.root, witnesses=3).encode()
    verifiers = [shop.Signer(shop.origin).verifier, *(shop.Signer(f"bank-{n}.example", COSIGNATURE).verifier for n in range(4))]
    assert audit(small.source(checkpoint=note, verifiers=verifiers), cosigners_min=3).ok
    finding = audit(small.source(checkpoint=note, verifiers=verifiers), cosigners_min=4).finding
    assert finding is not None
    assert finding.code == "transferlog.not_final"


def test_progress_is_told_and_the_callers_check_is_asked_of_each_leaf(large: Any) -> None:
    told: list[tuple[int, int]] = []
    bad = Fault("transferlog.bad_envelope", "信封签名不成立", "the envelope does not hold")
    assert audit(large.source(), progress=lambda done, total: told.append((done, total))).ok
    assert told == [(256, LARGE), (512, LARGE), (LARGE, LARGE)]
    finding = audit(large.source(), check=lambda index, leaf: bad if index == 300 and leaf.known else None).finding
    assert finding is not None
    assert (finding.index, finding.code) == (300, bad.code)


def test_leaf_of_unknown_type_is_reported_and_the_rest_still_audited(shop: Any) -> None:
    leaves = shop.honest(7)
    leaves.append(leaf_bytes(Leaf("moon.landed", shop.moment(50), "moon", 0, "CN-YRD", "moon")))
    report = audit(shop.stored(leaves).source())
    assert report.ok
    assert report.unknown == {"moon.landed": 7}


def opened(shop: Any) -> list[Leaf]:
    return [shop.requested(1, 1), shop.delivered(1, 2)]


Make = Callable[[Any], Leaf]
BROKEN: dict[str, Make] = {
    "transferlog.time_backwards": lambda shop: shop.requested(2, 1),
    "transferlog.act_repeated": lambda shop: shop.requested(2, 3, jti="request-1"),
    "transferlog.act_broken": lambda shop: shop.requested(2, 3, n=1, cause=(shop.hexed("case 1"), 0)),
    "transferlog.cause_unknown": lambda shop: shop.requested(2, 3, cause=(shop.hexed("case 1"), 2)),
    "transferlog.seq_broken": lambda shop: shop.requested(2, 3, seq=1),
    "transferlog.state_broken": lambda shop: shop.delivered(1, 3, seq=2, jti="again"),
    "transferlog.state_illegal": lambda shop: shop.delivered(1, 3, seq=2, jti="x", state_before="reviewing", state_after="settled"),
    "transferlog.ver_backwards": lambda shop: shop.delivered(1, 3, seq=2, jti="x", state_before="reviewing", ver=1),
    "transferlog.outcome_taken_twice": lambda shop: shop.requested(2, 3, items=((shop.hexed("c"), shop.hexed("nf 1"), "claimed"),)),
}


@pytest.mark.parametrize("code", sorted(BROKEN))
def test_leaf_that_breaks_continuity_is_named_with_its_rule(shop: Any, code: str) -> None:
    leaves = [leaf_bytes(leaf) for leaf in (*opened(shop), BROKEN[code](shop))]
    finding = audit(shop.stored(leaves).source()).finding
    assert finding is not None
    assert (finding.index, finding.through, finding.code) == (2, 2, code)


@pytest.mark.parametrize(
    "changes",
    [{"seq": 3}, {"seq": 1}, {"cause": ("nowhere", 0)}, {"cause": ("case", 0), "scope": "case2"}],
)
def test_gap_repeat_and_foreign_cause_are_faults(shop: Any, changes: dict[str, Any]) -> None:
    continuity = Continuity()
    for leaf in opened(shop):
        assert continuity.check(leaf) is None
    assert continuity.check(shop.delivered(1, 3, **({"seq": 2, "jti": "x", "state_before": "reviewing"} | changes))) is not None


def walk(shop: Any, *steps: tuple[int, int, list[tuple[str, str, str]]]) -> Fault | None:
    """Leaves `(case, seq, items)`; the first fault."""
    continuity = Continuity()
    for at, (case, seq, items) in enumerate(steps):
        kind = "transfer.requested" if seq == 0 else "transfer.late"
        state = "" if seq == 0 else "delivering"
        leaf = shop.requested(case, at, type=kind, seq=seq, jti=f"j{at}", state_before=state, state_after="delivering", items=tuple(items))
        fault = continuity.check(leaf)
        if fault is not None:
            return fault
    return None


def test_outcome_redeemed_in_two_transfers_is_a_fault(shop: Any) -> None:
    fault = walk(shop, (1, 0, [("a", "nf", "claimed")]), (1, 1, [("a", "nf", "recognised")]), (2, 0, [("b", "nf", "recognised")]))
    assert fault is not None
    assert fault.code == "transferlog.outcome_redeemed_twice"


@pytest.mark.parametrize("free", ["refused", "closed", "recalled"])
def test_outcome_that_was_released_may_be_taken_again(shop: Any, free: str) -> None:
    assert walk(shop, (1, 0, [("a", "nf", "claimed")]), (1, 1, [("a", "nf", free)]), (2, 0, [("b", "nf", "claimed")])) is None


def test_refused_claim_of_a_taken_outcome_does_not_release_it(shop: Any) -> None:
    steps = [(1, 0, [("a", "nf", "claimed")]), (2, 0, [("b", "nf", "closed")]), (3, 0, [("c", "nf", "claimed")])]
    assert walk(shop, *steps[:2]) is None
    fault = walk(shop, *steps)
    assert fault is not None
    assert fault.code == "transferlog.outcome_taken_twice"


def test_outcome_taken_twice_inside_one_transfer_is_a_fault(shop: Any) -> None:
    assert walk(shop, (1, 0, [("a", "nf", "claimed"), ("b", "nf", "closed")])) is None
    assert walk(shop, (1, 0, [("a", "nf", "claimed"), ("b", "nf", "claimed")])) is not None


def test_closed_twin_inside_a_transfer_does_not_release_what_the_other_item_holds(shop: Any) -> None:
    fault = walk(shop, (1, 0, [("a", "nf", "claimed"), ("b", "nf", "closed")]), (2, 0, [("c", "nf", "claimed")]))
    assert fault is not None
    assert fault.code == "transferlog.outcome_taken_twice"


def test_items_without_outcome_key_never_collide(shop: Any) -> None:
    assert walk(shop, (1, 0, [("", "", "claimed"), ("", "", "claimed")]), (2, 0, [("", "", "claimed")])) is None


def test_folder_paths_lead_back_to_their_tiles(large: Any) -> None:
    paths = [path for path in exported(large) if path != folder.CHECKPOINT_PATH]
    assert [tiles.parse_path(path).path for path in paths] == paths
    with pytest.raises(TransferLogError):
        tiles.parse_path(folder.CHECKPOINT_PATH)
