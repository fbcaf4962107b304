"""What a simulated region is built from: ids that repeat, settings with production's patience, a folder with keys and an empty database."""

import atexit
import shutil
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import mkdtemp

from gateway.app import DATABASE_FILE
from gateway.crypto.keys import EDDSA, SigningKey, write_secret_file
from gateway.federation.protocol import JTI_BYTES, SECRET_BYTES
from gateway.model.canonical import b64url
from gateway.settings import Delivery, Settings
from gateway.simulator.faults import Tempo
from gateway.simulator.people import MEMBERS
from gateway.simulator.sandbox import ALGORITHMS, SandboxFiles
from gateway.storage.schema import upgrade

PAUSES_TO_DIGEST = 36
"""A state digest is due after so many of the longest pauses between tries: every few virtual hours, or days."""


class SeededIds:
    """Ids that repeat with the seed and never within a run."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance

    def jti(self) -> str:
        return b64url(self._chance.randbytes(JTI_BYTES))

    def secret(self) -> bytes:
        return self._chance.randbytes(SECRET_BYTES)


def simulated_settings(files: SandboxFiles, idle_s: float, tempo: Tempo) -> Settings:
    """Production's patience; lanes look about more rarely, since every look costs real time."""
    own = files.settings
    trust_s, deadlines_s = tempo.rounds_s
    sections = {
        "delivery": Delivery(
            idle_s=idle_s, most_s=tempo.longest_s, acknowledge_s=tempo.acknowledge_s, digest_every_s=tempo.longest_s * PAUSES_TO_DIGEST
        ),
        "trust": own.trust.model_copy(update={"poll_s": trust_s}),
        "deadlines": own.deadlines.model_copy(update={"poll_s": deadlines_s}),
        "log": own.log.model_copy(update={"witness_every_s": trust_s}),
    }
    return own.model_copy(update=sections)


@cache
def template() -> Path:
    """Keys that follow from their names, secrets, an empty migrated database; made once a process."""
    folder = Path(mkdtemp(prefix="sim-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    keys = folder / "keys"
    keys.mkdir()
    for name in ("registry", "gateway", "log", *MEMBERS):
        SigningKey.from_seed(sha256(f"simulated {name}".encode()).digest(), ALGORITHMS.get(name, EDDSA)).save(keys / f"{name}.pem")
    for name in ("master", "pseudonym", "nullifier"):
        write_secret_file(keys / f"{name}.key", sha256(f"simulated {name}".encode()).digest())
    (folder / "gateway").mkdir()
    upgrade(folder / "gateway" / DATABASE_FILE)
    return folder
