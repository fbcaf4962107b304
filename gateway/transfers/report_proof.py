"""A report's figures from a copy of the log alone: what a centre operator shows to somebody who does not trust the gateway.

A case's first leaf names its two banks and, of a probe, that it is one; every leaf of it carries state and totals.  Nothing else is
needed for a report of arrivals.  One by kind or place cannot be shown so: a leaf does not say of what kind a record is, or who issued it.
"""

from dataclasses import dataclass, field

from gateway.model.canary import CANARY_PREFIX
from gateway.transferlog.leaf import Leaf
from gateway.transfers.recount import OPENED
from gateway.transfers.reports import Query, Report, of_arrivals
from gateway.transfers.tallies import Opened, Tallies


@dataclass(slots=True)
class LeafReport:
    """Shown every leaf in order, it knows the report as of the first `size` of them."""

    query: Query
    size: int
    _tallies: Tallies = field(default_factory=Tallies)
    _cases: dict[str, Opened] = field(default_factory=dict)

    def take(self, index: int, leaf: Leaf) -> None:
        """One leaf that was found good."""
        if index >= self.size:
            return
        if leaf.totals is None or leaf.ver is None:
            return
        opened = leaf.type == OPENED
        if opened:
            probe = CANARY_PREFIX if leaf.facts.get("synthetic") is True else ""
            self._cases[leaf.scope] = Opened(leaf.at, str(leaf.facts.get("source", "")), str(leaf.facts.get("accepting", "")), probe)
        case = self._cases.get(leaf.scope)
        after = leaf.state_after or ""
        if case is not None and (opened or after != (leaf.state_before or "")):
            self._tallies.arrived(case, after, leaf.at, dict(leaf.totals), opened=opened)

    def report(self, root: bytes) -> Report:
        """What the leaves come to; `root` is the one of the log at `size`."""
        return of_arrivals(self.query, self._tallies, self.size, root)
