"""Probes of ours: what marks a case as one, on the wire and everywhere after it.

A canary is a whole case about a learner who does not exist.  Its programme begins so; its identity block says `synthetic`; its first
leaf says so too.  It is decided by the accepting bank's connector, always with a refusal, so nothing is ever recognised by one.
"""

from typing import Final

CANARY_PREFIX: Final = "CANARY-"


def is_canary(programme: str) -> bool:
    """Whether a case of this programme is a probe of ours."""
    return programme.startswith(CANARY_PREFIX)
