"""Orders about parts as the banks sign them, and whoever carries the gateway's files off."""

from support.burglar import Burglar
from support.region import Heard, World
from support.stages import SOURCE

from gateway.crypto.sealing import KeyEncryptionKey
from gateway.federation.part_orders import PartOrder, part_scope


def order(part: str, reason: str = "learner_request", until: str = "") -> list[tuple[str, bytes]]:
    return [("order", PartOrder(part, reason, until).write())]


async def ordered(world: World, act: str, part: str, by: str = SOURCE, reason: str = "learner_request", until: str = "") -> Heard:
    return await world.act(by, act, order(part, reason, until), scp=part_scope(part))


def burglar(world: World) -> Burglar:
    return Burglar(world.folder / "data" / "gateway.db", KeyEncryptionKey.load(world.folder / "keys" / "master.key"))
