"""Is that all of the case?  Answered only by a copy of the whole log: an export, a member's mirror.

Fed every leaf of an audited copy in order, it finds leaves of the case that the bundle leaves out, and revocations of the same outcome
in other cases.  The audit itself, and that the copy has the bundle's checkpoint, is the caller's.
"""

from gateway.transferlog.continuity import Fault
from gateway.transferlog.leaf import Leaf, leaf_bytes
from gateway.verifier.bundle import Bundle
from gateway.verifier.report import Report, Words

REVOKED = "record.revoked"


class WholeCase:
    """The audit's question to each leaf; ask `close` when all were seen."""

    def __init__(self, bundle: Bundle, report: Report) -> None:
        self._transfer = bundle.transfer
        self._size = bundle.size
        self._shown = {each.index: each.data for each in bundle.leaves}
        self._report = report
        self._later = 0
        self._elsewhere: list[int] = []
        self._outcomes: frozenset[str] = frozenset()

    def __call__(self, index: int, leaf: Leaf) -> Fault | None:
        """Never a fault of the log: what is found is the bundle's."""
        if leaf.scope == self._transfer:
            self._outcomes |= {nf for _, nf, _ in leaf.items if nf}
            if index >= self._size:
                self._later += 1
            elif self._shown.pop(index, None) != leaf_bytes(leaf):
                place = f"leaf {index}"
                self._report.find(
                    "evidence.leaf_left_out", place, "日志中本案的此叶不在证据里", "the log has this leaf of the case, the bundle has not"
                )
        elif leaf.type == REVOKED and self._outcomes & {nf for _, nf, _ in leaf.items if nf}:
            self._elsewhere.append(index)
        return None

    def close(self) -> None:
        """Say what the copy shows."""
        for index in self._shown:
            self._report.find(
                "evidence.leaf_left_out", f"leaf {index}", "日志副本中没有此叶", "the copy of the log has no such leaf of the case"
            )
        self._report.complete = not self._shown
        if self._later:
            self._report.shown.append(
                Words(
                    f"此后日志中本案还有 {self._later} 叶,须取新的证据。",
                    f"The log holds {self._later} later leaves of this case: take new evidence.",
                )
            )
        if self._elsewhere:
            told = ", ".join(map(str, self._elsewhere))
            self._report.shown.append(
                Words(
                    f"同一成果在另一案中有作废之叶:{told}。", f"The same outcome is named in a revocation of another case: leaves {told}."
                )
            )
