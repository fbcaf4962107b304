"""The monitor: growth is followed, forks, rollbacks, foreign and missing leaves are named, both heads are kept (TL-43 to TL-45)."""

from collections.abc import Callable, Mapping
from pathlib import Path

from support.connectors import four_banks
from support.region import key_of, region
from support.witnesses import Four, grow, one_round, witnessed_trust

from gateway.client.mirror import Fetch, Mirror
from gateway.client.monitor import Monitor, folder_fetch
from gateway.client.own_leaves import Book
from gateway.client.own_receipts import OwnReceipts
from gateway.crypto.keys import verify_ed25519
from gateway.errors import TransferLogError
from gateway.federation.registry import TrustFile
from gateway.simulator.reckoning import export_log
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey, Verifier, open_checkpoint, sign_note, write_checkpoint
from gateway.transfers.finality import verifiers_of
from gateway.transfers.log_files import LogFiles


def forged(origin: str, size: int, root: bytes) -> bytes:
    """A note under the log's real key over a history that it never had: what a lying gateway would show."""
    log = key_of("log")
    return sign_note(write_checkpoint(origin, size, root), origin, NoteKey(origin, LOG_SIGNATURE, log.public_raw).id, log.sign).encode()


def served(files: LogFiles) -> Fetch:
    """What the gateway serves below `/log/`, without a socket."""

    async def fetch(path: str) -> bytes:
        if path == "checkpoint":
            return (await files.checkpoint()).encode()
        found = await (files.checkpoint_at("final") if path == "checkpoints/final" else files.tile(path))
        if found is None:
            raise TransferLogError("transferlog.file_missing", "缺少", "missing")
        return found.encode() if isinstance(found, str) else found

    return fetch


def showing(fetch: Fetch, note: Callable[[], bytes]) -> Fetch:
    async def shown(path: str) -> bytes:
        return note() if path == "checkpoint" else await fetch(path)

    return shown


async def test_monitor_when_the_log_grows_forks_shrinks_and_gains_a_leaf_in_our_name_then_each_is_told(tmp_path: Path) -> None:
    async with region(tmp_path / "node", witnessed_trust()) as world, four_banks(world) as banks:
        witnesses = Four(tmp_path / "banks", world)
        files, trust = world.gateway.parts.log_files, world.trust
        for member in ("CN-31", "CN-32"):
            await banks.connect(member)
        opened = await banks.open("CN-31", "CN-32")

        async def settled() -> bool:
            return await banks.state(opened.scope) == "settled"

        await banks.work("CN-31", "CN-32", until=settled)

        fetch = served(files)
        book = Book("CN-31", banks.connectors["CN-31"].store)

        def monitor(name: str, by: Fetch = fetch, *, leaves: bool = True) -> Monitor:
            place = tmp_path / name
            mirror = Mirror(place, "CN-31", lambda: trust, by, book) if leaves else None
            return Monitor(place, verifiers_of(trust), 3, by, mirror, OwnReceipts(book.store) if leaves else None)

        first = await monitor("seen").look()
        size, root = await world.gateway.parts.reading.head()
        assert (first.before, first.size, first.leaves, first.final, first.noticed, first.unknown) == (0, size, size, 0, [], {})
        assert (await monitor("public", leaves=False).look()).ok
        own = [held for held in await book.store.receipts(0, 1000) if held.index is not None]
        assert len(own) >= 2

        await one_round(witnesses.service())
        again = await monitor("seen").look()  # a new process: what it saw is on its disk
        assert (again.ok, again.before, again.size, again.leaves, again.final) == (True, size, size, 0, size)

        origin = trust.data.gateway.log_origin
        for name, leaves in (("seen", True), ("public", False)):
            for shown, code in (
                (forged(origin, size, b"\x01" * 32), "transferlog.split_view"),
                (forged(origin, size - 1, b"\x02" * 32), "transferlog.rolled_back"),
            ):
                look = await monitor(name, showing(fetch, lambda shown=shown: shown), leaves=leaves).look()
                (noticed,) = look.noticed
                assert noticed.code == code
                heads = {open_checkpoint((tmp_path / name / each).read_text("utf-8"), log_key(trust)).root for each in noticed.evidence}
                assert heads == {root, open_checkpoint(shown.decode(), log_key(trust)).root}  # both, under the log's own key

        await grow(world)
        for name, leaves, code in (("seen", True, "transferlog.root_mismatch"), ("public", False, "transferlog.split_view")):
            lie = showing(fetch, lambda: forged(origin, size + 1, b"\x03" * 32))
            (noticed,) = (await monitor(name, lie, leaves=leaves).look()).noticed
            assert (noticed.code, len(noticed.evidence)) == (code, 2)
        torn = await monitor("seen", showing(fetch, lambda: b"not a note")).look()
        assert [each.code for each in torn.noticed] == ["transferlog.bad_note"]
        for name, leaves in (("seen", True), ("public", False)):
            look = await monitor(name, leaves=leaves).look()  # nothing of all that was taken for true
            assert (look.ok, look.before, look.size, look.final) == (True, size, size + 1, size)

        await world.send(world.request("CN-33", "CN-31", ["ACH-1"]))  # signed with the bank's key, and never sent by its connector
        now = (await world.gateway.ledger.head())[0]
        (noticed,) = (await monitor("seen").look()).noticed
        assert (noticed.code, noticed.index) == ("transferlog.not_in_book", now - 1)
        witnesses.close()

        export = await export_log(world.gateway, trust)
        written(export.files, tmp_path / "export")
        mirrored = Mirror(tmp_path / "copy", "", lambda: trust, folder_fetch(tmp_path / "export"))
        assert (await Monitor(tmp_path / "copy", verifiers_of(trust), 3, folder_fetch(tmp_path / "export"), mirrored).look()).ok
        assert {str(each.relative_to(tmp_path / "copy")) for each in (tmp_path / "copy").rglob("*") if each.is_file()} == set(export.files)


def written(files: Mapping[str, bytes], folder: Path) -> None:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def log_key(trust: TrustFile) -> list[Verifier]:
    return [Verifier(NoteKey(trust.data.gateway.log_origin, LOG_SIGNATURE, key_of("log").public_raw), verify_ed25519)]
