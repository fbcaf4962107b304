"""`ceg restore --log`: an old backup and a copy of the transfer log give a database without what was erased since.  PR-349, PR-368."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.auditor import Books
from support.burglar import Burglar
from support.erasing import burglar, ordered
from support.nodes import Ran, ceg, write_config
from support.region import World, region
from support.stages import ACCEPTING, SOURCE, Stage, stage
from support.statements import month_over

from gateway.crypto.sealing import KeyEncryptionKey
from gateway.errors import StorageError
from gateway.model.transfer import State
from gateway.storage.backup import Backup, back_up, restore
from gateway.transfers.log_export import LogExport


@dataclass
class Kept:
    """A bank's and a node's belongings: an old backup, mirrors of the log from before, after, and of another history."""

    folder: Path
    key: KeyEncryptionKey
    slip: Backup
    gone: Stage
    stays: Stage

    @property
    def backup(self) -> Path:
        return self.folder / "backup"

    @property
    def database(self) -> Path:
        return self.folder / "new" / "gateway.db"

    def restore(self, log: Path, *more: str) -> Ran:
        return ceg("restore", self.backup, "--log", log, "--config", self.folder / "gateway.toml", "--json", *more)


async def publish(world: World, folder: Path) -> None:
    parts = world.gateway.parts
    await LogExport(parts.reading, parts.log_files.checkpoint, folder).publish()


async def play(folder: Path) -> Kept:
    async with region(folder / "node") as world:
        gone, stays = await stage(world, State.SETTLED), await stage(world, State.SETTLED)
        await publish(world, folder / "short")
        await month_over(world)
        slip = back_up(world.folder / "data" / "gateway.db", folder / "backup", "2026-12-01T01:00:00Z")
        world.clock.advance(days=10)
        for act in ("legal-hold", "legal-release"):
            assert (await ordered(world, act, gone.transfer, by=ACCEPTING, reason="audit")).status == 200
        heard = await ordered(world, "erase", gone.transfer, by=SOURCE, reason="unlawful")
        assert heard.status == 200, heard.body
        await publish(world, folder / "mirror")
        text = write_config(world.gateway.settings, folder / "gateway.toml").read_text("utf-8")
        (folder / "gateway.toml").write_text(text.replace(str(world.folder / "data"), str(folder / "new")), "utf-8")
        key = burglar(world).key
    async with region(folder / "other") as world:
        while world.gateway.ledger.size <= slip.size:
            await stage(world, State.REVIEWING)
        await publish(world, folder / "forked")
    return Kept(folder, key, slip, gone, stays)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return asyncio.run(play(tmp_path_factory.mktemp("kept")))


@pytest.fixture
def kept(played: Kept) -> Kept:
    shutil.rmtree(played.database.parent, ignore_errors=True)
    return played


def test_restore_when_given_a_mirror_of_the_log_then_erased_again_before_the_file_has_its_name(kept: Kept) -> None:
    old = Burglar(kept.backup / "gateway.db", kept.key)
    assert old.finds(kept.gone.records) == list(kept.gone.records), "the backup still opens it: the case, and the month's statement"
    tried = kept.restore(kept.folder / "mirror", "--dry-run")
    assert (tried.code, tried.document["erased"], kept.database.exists()) == (0, 1, False), tried.err
    ran = kept.restore(kept.folder / "mirror")
    assert (ran.code, ran.document["restored"], ran.document["destroyed"]) == (0, True, [kept.gone.transfer]), ran.err
    thief = Burglar(kept.database, kept.key)
    assert thief.finds(kept.gone.records) == []
    assert thief.finds(kept.stays.records) == list(kept.stays.records)
    key = "SELECT wrapped FROM part_key WHERE part_id = ?"
    wrapped = [row[0] for row in Books(kept.backup / "gateway.db").rows(key, kept.gone.transfer)]
    assert old.carved(wrapped, kept.backup) == wrapped
    assert thief.carved(wrapped, kept.database.parent) == [], "nor does the key lie in a page that was freed"
    ((at, by, reason, leaf),) = Books(kept.database).rows("SELECT erased_at, erased_by, erased_reason, leaf FROM fate")
    assert (at[:10], by, reason, leaf) == ("2026-12-11", SOURCE, "unlawful", -1)
    assert Books(kept.database).audit().ok


def cut_short(log: Path) -> None:
    (next((log / "tile" / "entries").rglob("*.p")) / "1").parent.rename(log / "gone")


def flip(log: Path) -> None:
    file = max((each for each in (log / "tile" / "entries").rglob("*") if each.is_file()), key=lambda each: int(each.name))
    data = bytearray(file.read_bytes())
    place = data.index(b'"reason":"unlawful"') + len(b'"reason":"')
    data[place : place + 8] = b"unlawfuL"
    file.write_bytes(bytes(data))


def unsigned(log: Path) -> None:
    note = (log / "checkpoint").read_text("utf-8")
    size = note.split("\n")[1]
    (log / "checkpoint").write_text(note.replace(f"\n{size}\n", f"\n{int(size) + 1}\n"), "utf-8")


CASES = {
    "older": ("short", lambda _log: None, "cli.log_too_short", 8),
    "forked": ("forked", lambda _log: None, "transferlog.root_mismatch", 6),
    "leaf changed": ("mirror", flip, "transferlog.leaf_changed", 6),
    "a file missing": ("mirror", cut_short, "transferlog.file_missing", 6),
    "head changed": ("mirror", unsigned, "transferlog.bad_signature", 6),
    "no head": ("mirror", lambda log: (log / "checkpoint").unlink(), "transferlog.file_missing", 6),
}


@pytest.mark.parametrize("name", CASES)
def test_restore_when_the_copy_of_the_log_does_not_hold_then_nothing_is_restored(kept: Kept, tmp_path: Path, name: str) -> None:
    source, spoil, code, exit_code = CASES[name]
    changed: Callable[[Path], object] = spoil
    log = Path(shutil.copytree(kept.folder / source, tmp_path / "log"))
    changed(log)
    ran = kept.restore(log)
    assert (ran.problem["code"], ran.code) == (code, exit_code)
    assert not list(kept.database.parent.glob("*")), "neither the database nor anything on the way to it"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 1}, "storage.backup_broken"),
        ({"root": "00" * 32}, "storage.backup_broken"),
        ({"revision": "9999"}, "storage.schema_too_new"),
        ({"v": 2}, "storage.backup_broken"),
    ],
    ids=["size", "root", "revision", "form"],
)
def test_restore_when_the_slip_is_another_copys_then_nothing_is_restored(
    kept: Kept, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    folder = Path(shutil.copytree(kept.backup, tmp_path / "backup"))
    slip = json.loads((folder / "backup.json").read_bytes())
    (folder / "backup.json").write_text(json.dumps(slip | change), "utf-8")
    with pytest.raises(StorageError) as refused:
        restore(folder, kept.database, {})
    assert refused.value.code == code
    assert not kept.database.exists()
