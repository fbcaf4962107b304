"""Cases that were kept as long as they have to be: their erasure ordered one by one, signed here, where the key is.

The gateway judges each order: one that is held, or not as ended as its list said, is refused with the day from which it is possible, and
the run goes on.  A gateway that does not answer ends it.  What is erased is in no later list, so a run that was cut off is started again.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from gateway.client.orders import Operator
from gateway.errors import GatewayError
from gateway.federation.part_orders import PartOrder
from gateway.model.transfer import Act

REASON: Final = "retention_ended"


async def retire(parts: Iterable[str], operator: Operator, told: Callable[[int], None]) -> list[dict[str, Any]]:
    """One line a part: `part`, `sent`, `status`, `code` ("" where it was done), `possible_from`, `leaf`.  `told(done)` hears of each."""
    done: list[dict[str, Any]] = []
    for part in parts:
        try:
            answer = (await operator.order_part(Act.ERASE, PartOrder(part, REASON))).answer
        except GatewayError as fault:
            done.append(line_of(part, code=fault.code))
            break
        told_of = {"sent": True, "status": answer.status, "leaf": answer.index, "possible_from": answer.body.get("possible_from")}
        done.append(line_of(part, code=answer.code) | told_of)
        told(len(done))
    return done


def line_of(part: str, code: str = "") -> dict[str, Any]:
    """A part about which nothing was heard."""
    return {"part": part, "sent": False, "status": None, "code": code, "possible_from": None, "leaf": None}
