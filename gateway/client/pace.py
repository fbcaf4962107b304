"""How patiently a connector tries."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: first and longest wait after a failure, how often an idle connector looks, how often it polls its mailbox."""

    first_s: float = 1.0
    most_s: float = 300.0
    idle_s: float = 1.0
    poll_s: float = 2.0

    def wait(self, attempts: int, chance: random.Random) -> timedelta:
        """Exponential, bounded, spread over the upper half."""
        whole = min(self.first_s * 2 ** min(attempts, 30), self.most_s)
        return timedelta(seconds=whole * (0.5 + chance.random() / 2))
