"""An inclusion proof, step by step: what is hashed with what, from the leaf up to the root, so that somebody can follow it by hand.

`merkle.verify_inclusion` says whether a proof holds; this file only tells how it gets there, by the same rules (RFC 9162, section 2.1.3.2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.transferlog.merkle import node_hash


@dataclass(frozen=True, slots=True)
class ProofStep:
    """`result` is the node hash of `sibling` and what the step before came to; the sibling stands left of it or right."""

    sibling: bytes
    on_the_left: bool
    result: bytes


def inclusion_steps(hashed_leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> Iterator[ProofStep]:
    """The steps of a proof that holds; call `merkle.verify_inclusion` first."""
    node, last, result = index, size - 1, hashed_leaf
    for sibling in proof:
        left = bool(node & 1) or node == last
        result = node_hash(sibling, result) if left else node_hash(result, sibling)
        while left and node and not node & 1:  # on the right edge a node without sibling is its own parent
            node, last = node >> 1, last >> 1
        yield ProofStep(sibling, left, result)
        node, last = node >> 1, last >> 1
