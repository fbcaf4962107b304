"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): hashes, proofs, and growing it leaf by leaf.

Nothing here stores a tree.  A proof is first a list of leaf ranges, then a list of complete subtrees,
and only then hashes, read through a callable; so the same code serves rows, files and a bank's mirror.
Heights count from 0 (a leaf); node `(height, index)` covers leaves `index << height` to `(index + 1) << height`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from gateway.errors import TransferLogError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
ReadNode: TypeAlias = Callable[[int, int], bytes]
"""`(height, index)` of a complete subtree to its 32-byte hash."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 ‖ leaf), RFC 6962 section 2.1."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All one must keep to grow a tree: its complete subtrees, `peaks[height]`, b"" where there is none."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """The tree's hash; of the empty tree SHA-256 of nothing."""
        root = b""
        for peak in self.peaks:
            if peak:
                root = node_hash(peak, root) if root else peak
        return root or EMPTY_ROOT


def extend(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> tuple[Frontier, list[list[bytes]]]:
    """Append leaf hashes.  Also gives, height by height, the subtrees that this completed (height 0 are the leaves).

    One hash per leaf on average, whatever the size of the tree.
    """
    peaks = list(frontier.peaks)
    completed: list[list[bytes]] = []
    nodes = list(leaf_hashes)
    height = 0
    while nodes:
        completed.append(nodes)
        if height == len(peaks):
            peaks.append(b"")
        row = [peaks[height], *nodes] if peaks[height] else nodes
        peaks[height] = row[-1] if len(row) % 2 else b""
        nodes = pair_up(row)
        height += 1
    return Frontier(frontier.size + len(leaf_hashes), tuple(peaks)), completed


def pair_up(row: Sequence[bytes]) -> list[bytes]:
    """The parents of neighbours; a last one without neighbour has none."""
    nodes = iter(row)
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(nodes, nodes, strict=False)]


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes prove leaf `index` in a tree of `size`, from the leaf upwards (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise TransferLogError("transferlog.out_of_range", "树中没有这个位置", "the tree has no such position", index=index, size=size)
    ranges = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The leaf ranges whose hashes prove that the tree of `new` begins with the tree of `old` (RFC 6962, 2.1.2)."""
    if not 0 <= old <= new:
        raise TransferLogError(
            "transferlog.out_of_range", "旧树不能大于新树", "the old tree cannot be larger than the new one", index=old, size=new
        )
    if old in (0, new):
        return []
    ranges = []
    low, high = 0, new
    while high != old:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low:
        ranges.append((low, high))
    return ranges[::-1]


def complete_nodes(low: int, high: int) -> list[tuple[int, int]]:
    """The complete subtrees `(height, index)` that a range of a proof consists of, left to right."""
    nodes = []
    while low < high:
        height = (high - low).bit_length() - 1
        nodes.append((height, low >> height))
        low += 1 << height
    return nodes


def range_hash(low: int, high: int, read: ReadNode) -> bytes:
    """The hash over leaves `low` to `high` of a range that a proof names."""
    nodes = complete_nodes(low, high)
    if not nodes:
        return EMPTY_ROOT
    result = read(*nodes[-1])
    for height, index in reversed(nodes[:-1]):
        result = node_hash(read(height, index), result)
    return result


def root_at(size: int, read: ReadNode) -> bytes:
    """The root of the first `size` leaves."""
    return range_hash(0, size, read)


def inclusion_proof(index: int, size: int, read: ReadNode) -> list[bytes]:
    """The hashes from the leaf's sibling up to the root's child.  Raises `transferlog.out_of_range`."""
    return [range_hash(low, high, read) for low, high in inclusion_ranges(index, size)]


def consistency_proof(old: int, new: int, read: ReadNode) -> list[bytes]:
    """Empty for `old` 0 or equal to `new`.  Raises `transferlog.out_of_range`."""
    return [range_hash(low, high, read) for low, high in consistency_ranges(old, new)]


def verify_inclusion(hashed_leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2.  Raises `transferlog.bad_proof`."""
    if not 0 <= index < size:
        raise _bad_proof("index beyond the tree")
    node, last, result = index, size - 1, hashed_leaf
    for sibling in proof:
        if last == 0 or len(sibling) != HASH_BYTES:
            raise _bad_proof("too many hashes, or one of another length")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            node, last = _up_to_right_child(node, last)
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or result != root:
        raise _bad_proof("the hashes do not lead to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 section 2.1.4.2, and the empty tree before everything.  Raises `transferlog.bad_proof`."""
    if not 0 <= old <= new:
        raise _bad_proof("the old tree is larger than the new one")
    if old in (0, new):
        if proof or old_root != (new_root if old == new else EMPTY_ROOT) or (new == 0 and new_root != EMPTY_ROOT):
            raise _bad_proof("equal or empty trees need equal or empty roots and no hashes")
        return
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path or any(len(node) != HASH_BYTES for node in path):
        raise _bad_proof("no hashes, or one of another length")
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_result = new_result = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _bad_proof("too many hashes")
        if node & 1 or node == last:
            old_result = node_hash(sibling, old_result)
            new_result = node_hash(sibling, new_result)
            node, last = _up_to_right_child(node, last)
        else:
            new_result = node_hash(new_result, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or old_result != old_root or new_result != new_root:
        raise _bad_proof("the hashes do not lead to both roots")


def _up_to_right_child(node: int, last: int) -> tuple[int, int]:
    # On the right edge a node without sibling is its own parent: climb until it is somebody's right child.
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _bad_proof(reason: str) -> TransferLogError:
    return TransferLogError("transferlog.bad_proof", "存证证明不成立", "the proof does not hold", reason=reason)
