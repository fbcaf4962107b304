"""A simulation as a document: what the command line prints, and what the trial of a version names by its digest."""

from gateway.model.canonical import Json
from gateway.recognition.simulate import Simulation


def simulation_document(found: Simulation) -> dict[str, Json]:
    """Credits are decimal texts."""
    return {
        **{name: getattr(found, name) for name in ("items", "transfers", "unchanged", "gained", "lost", "moved", "changes_left_out")},
        **{name: getattr(found, name) for name in ("without_rule", "not_exact")},
        "credits_before": str(found.credits_before),
        "credits_after": str(found.credits_after),
        "changes": [
            {
                **each._asdict(), "credits_before": str(each.credits_before), "credits_after": str(each.credits_after),
                "courses_before": list(each.courses_before), "courses_after": list(each.courses_after),
            }
            for each in found.changes
        ],
        "used": dict(found.used),
        "dead": list(found.dead),
        "conflicts": [{"rules": list(each.rules), "items": each.items} for each in found.conflicts],
        "gaps": [each._asdict() for each in found.gaps],
    }  # fmt: skip
