"""Every fault the gateway can name, as one small tree.

A branch answers two questions: whose fault is it, and may the caller retry.  A refusal that
the protocol foresees is a value (see `gateway.model.transfer.Refusal`); an exception of this
tree is a fault; an assertion is our own mistake.  There is no list of codes here: a test
collects the literals in the source and compares them with `docs/errors.md`.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

Fact: TypeAlias = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong, at one place: `path` is a row (`row 3`), a pointer or an element path.

    The texts are for people and never hold a personal value; `code` is stable.
    """

    path: str
    code: str
    zh: str
    en: str


class GatewayError(Exception):
    """`code` is stable, `zh`/`en` are for people, `facts` are plain values for logs (no personal data)."""

    branch: ClassVar[str] = ""
    retry: ClassVar[bool] = False

    def __init__(self, code: str, zh: str, en: str, *, problems: tuple[Problem, ...] = (), **facts: Fact) -> None:
        assert code.startswith(self.branch + "."), f"{code} does not belong to {type(self).__name__}"
        super().__init__(code)
        self.code = code
        self.zh = zh
        self.en = en
        self.problems = problems
        self.facts = facts

    def __reduce__(self) -> tuple[object, ...]:
        """A fault of one process can be told in another."""
        return _again, (type(self), self.code, self.zh, self.en, self.problems, self.facts)

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.en}"]
        lines.extend(f"  {problem.path}: {problem.code}: {problem.en}" for problem in self.problems)
        return "\n".join(lines)


def _again(kind: type[GatewayError], code: str, zh: str, en: str, problems: tuple[Problem, ...], facts: dict[str, Fact]) -> GatewayError:
    return kind(code, zh, en, problems=problems, **facts)


class FormatError(GatewayError):
    """Not well formed, or over a size, depth or count limit.  The whole file is refused."""

    branch = "format"


class RecordError(GatewayError):
    """Well formed, but not what the province's format promises."""

    branch = "record"


class MappingError(GatewayError):
    """The mapping rules cannot express it; `problems` holds every place."""

    branch = "mapping"


class RecognitionError(GatewayError):
    """A rule set, catalogue or programme that cannot be used; `problems` holds every place."""

    branch = "recognition"


class CatalogueError(GatewayError):
    """A catalogue, or an entry of it, that may not be used; `problems` holds every place (table, row, column)."""

    branch = "catalogue"


class StandardError(GatewayError):
    """The regional XML or a code table is violated; `problems` holds every place."""

    branch = "standard"


class TrustError(GatewayError):
    """Unknown member, bad signature, key not valid, suspended, stale, replay conflict."""

    branch = "trust"


class ConsentError(GatewayError):
    """Consent missing, expired, withdrawn, or given for something else."""

    branch = "consent"


class TransferError(GatewayError):
    """Unknown transfer, not your role, wrong state, stale version, outcome taken."""

    branch = "transfer"


class PeerError(GatewayError):
    """The other side: unavailable, refused, or off the protocol."""

    branch = "peer"


class PeerUnavailableError(PeerError):
    """Nothing is known to be wrong with the message: try again later."""

    retry = True


class TransferLogError(GatewayError):
    """Broken chain, bad proof, split view.  Never retried; raises an alarm."""

    branch = "transferlog"


class EvidenceError(GatewayError):
    """An evidence bundle that cannot be read, or does not show what it says."""

    branch = "evidence"


class EraseError(GatewayError):
    """A part that may not be erased, or not yet; an order about a part that does not hold."""

    branch = "erase"


class StorageError(GatewayError):
    """The database: schema too new, lost, corrupt."""

    branch = "storage"


class ErasedError(StorageError):
    """What is asked for was erased on purpose; nothing is wrong and nothing brings it back."""


class StorageBusyError(StorageError):
    """The database could not take it just now."""

    retry = True


class SettingsError(GatewayError):
    """Configuration: every wrong setting at once, in `problems`."""

    branch = "settings"
