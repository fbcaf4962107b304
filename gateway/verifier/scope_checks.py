"""Is it one case, whole and in order?  The id, the places and states of its leaves, who acted in which role."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.federation.registry import TrustFile
from gateway.model.transfer import TABLE, Act, transfer_id
from gateway.transferlog.continuity import ScopeContinuity
from gateway.transferlog.leaf import Leaf
from gateway.verifier.log_checks import Placed
from gateway.verifier.report import Report

UNDONE: Final = frozenset({"transfer.refused", "transfer.late"})
READ: Final = "record.read"
_TYPES: Final[Mapping[str, frozenset[str]]] = {
    **{act.value: frozenset(kind for rule in TABLE if rule.act is act for kind in rule.leaf) for act in Act},
    Act.REQUEST.value: frozenset({"transfer.requested"}),
}


@dataclass(frozen=True, slots=True)
class Parties:
    """Member ids; "" where the opening leaf does not say."""

    source: str
    accepting: str
    facing: str

    def holds(self, role: str, actor: str) -> bool:
        """Whether this actor is that party; roles that are no party's are not judged here."""
        return {"source": self.source, "accepting": self.accepting, "facing": self.facing}.get(role, actor) == actor

    @property
    def all(self) -> frozenset[str]:
        return frozenset({self.source, self.accepting, self.facing})


def check_scope(transfer: str, leaves: Sequence[Placed], report: Report) -> Parties | None:
    """Order, places and states; None where it does not begin with a request."""
    if not leaves or leaves[0].leaf.type != "transfer.requested":
        report.find("evidence.no_opening", "leaves", "没有开案之叶", "the leaf that opened the case is not there")
        return None
    opening = leaves[0].leaf
    if transfer_id(opening.iss, opening.jti) != transfer:
        report.find(
            "evidence.other_case",
            leaves[0].place,
            "转移号不是由此申请得出的",
            "the transfer id does not follow from this request (iss, jti)",
        )
    walk = ScopeContinuity()
    before = -1
    for placed in leaves:
        if placed.leaf.scope != transfer:
            report.find("evidence.other_case", placed.place, "此叶属于另一转移", "the leaf is another transfer's")
            return None
        fault = walk.check(placed.leaf)
        if fault is not None or placed.index <= before:
            zh, en = (fault.zh, f"{fault.code}: {fault.en}") if fault is not None else ("叶的先后有误", "the leaves are not in order")
            report.find("evidence.broken_steps", placed.place, zh, en)
            return None
        before = placed.index
    _check_items(leaves, report)
    report.state = next((each.leaf.state_after for each in reversed(leaves) if each.leaf.state_after), "")
    report.done.append("case")
    return Parties(str(opening.facts.get("source", "")), str(opening.facts.get("accepting", "")), opening.iss)


def _check_items(leaves: Sequence[Placed], report: Report) -> None:
    """Commitments and nullifiers stay what they are unless the source bank sends a part anew."""
    held: list[tuple[str, str]] = []
    for placed in leaves:
        leaf = placed.leaf
        items = sorted((cm, nf) for cm, nf, _ in leaf.items)
        brings = leaf.type == "transfer.requested" or any(name == "part" for name, _, _ in leaf.content)
        if items and items != held and not brings:
            report.find(
                "evidence.other_record", placed.place, "叶中的记录不是前一叶的", "the leaf's records are not those of the leaf before"
            )
        held = items or held


def check_role(placed: Placed, act: str, parties: Parties, trust: TrustFile, report: Report) -> None:
    """The act is one whose leaf this may be, by somebody who holds the role that the leaf names."""
    leaf, roles = placed.leaf, placed.leaf.role.split(".")
    if leaf.type not in _TYPES.get(act, frozenset()) | UNDONE:
        report.find("evidence.other_envelope", placed.place, "信封是另一动作的", "the envelope is for another act than the leaf's")
    presiding = trust.presiding(placed.at, parties.all)
    wrong = [role for role in roles if not parties.holds(role, leaf.actor) or (role == "presiding" and presiding not in {None, leaf.actor})]
    if wrong or not _may(leaf, act, roles):
        report.find("evidence.role", placed.place, "行为人在本案没有所称的角色", "the actor does not hold the role that the leaf names")


def _may(leaf: Leaf, act: str, roles: Sequence[str]) -> bool:
    if leaf.type in UNDONE:
        return True
    if act == Act.REQUEST:
        return "facing" in roles
    return any(rule.act == act and rule.role in roles and leaf.type in rule.leaf for rule in TABLE)
