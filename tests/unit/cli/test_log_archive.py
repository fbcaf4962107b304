"""Archive, restore, the exported folder, time stamps, retention: of a node that has carried two cases (TL-54 to TL-62)."""

import asyncio
import importlib.util
import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from support.nodes import ceg, write_config
from support.region import ORIGIN, ManualClock, SeededIds, key_of, region
from support.stamps import LocalAuthority
from support.tree import ROOT

from gateway.cli.log_archive import opened
from gateway.crypto.timestamps import REPLY_BYTES_MAX
from gateway.errors import PeerUnavailableError, SettingsError, TransferLogError
from gateway.federation.channels.timestamp import HttpStamps
from gateway.settings import Settings
from gateway.transferlog.checkpoint import LOG_SIGNATURE, NoteKey
from gateway.transferlog.folder import folder_entries
from gateway.transfers.log_export import LogExport
from gateway.transfers.log_keeping import restore_log
from gateway.transfers.log_tasks import export_tasks, load_authority, stamp_tasks
from gateway.transfers.stamping import Stamping

VKEY = NoteKey(ORIGIN, LOG_SIGNATURE, key_of("log").public_raw).vkey


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def auditor() -> ModuleType:
    """The script that stands beside docs/audit.md; it knows nothing of the gateway."""
    source = (ROOT / "docs" / "audit_log.py").read_text("utf-8")
    assert "gateway." not in source.replace("the gateway's", "")
    spec = importlib.util.spec_from_file_location("audit_log", ROOT / "docs" / "audit_log.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- the folder a web server serves


async def test_export_when_kept_up_then_each_checkpoint_is_whole_and_old_partial_files_go(tmp_path: Path) -> None:
    script, folder = auditor(), tmp_path / "public"
    async with region(tmp_path) as world:
        made = LogExport(world.gateway.parts.reading, world.gateway.parts.log_files.checkpoint, folder)
        sizes = [await made.publish()]
        assert await made.publish() == sizes[0]
        for n in range(5):
            heard = await world.send(world.request("CN-31", "CN-32", (f"SHC2023009{n:04d}",), None))
            assert heard.status == 202, heard.body
            sizes.append(await made.publish())
            assert script.main([str(folder), VKEY]) == 0
        assert sizes == sorted(set(sizes))
        kept = sorted(int(file.name) for file in (folder / "tile" / "entries" / "000.p").iterdir())
        assert kept == sizes[-3:]
        assert not list(folder.rglob("*.tmp"))
        again = LogExport(world.gateway.parts.reading, world.gateway.parts.log_files.checkpoint, folder)
        assert await again.publish() == sizes[-1]


async def test_export_when_the_folder_holds_a_longer_or_another_log_then_left_as_it_is(tmp_path: Path) -> None:
    async with region(tmp_path) as world:
        reading, folder = world.gateway.parts.reading, tmp_path / "public"
        await LogExport(reading, world.gateway.parts.log_files.checkpoint, folder).publish()
        good = (folder / "checkpoint").read_text("utf-8")
        size = good.split("\n")[1]
        for lie in (
            good.replace(f"\n{size}\n", f"\n{size}9\n"),
            good.replace(ORIGIN, "log.other/x"),
            good.replace("\n" + good.split("\n")[2], "\n" + "A" * 43 + "="),
        ):
            (folder / "checkpoint").write_text(lie, "utf-8")
            with pytest.raises(TransferLogError) as raised:
                await LogExport(reading, world.gateway.parts.log_files.checkpoint, folder).publish()
            assert raised.value.code == "transferlog.export_contradicts"
            assert (folder / "checkpoint").read_text("utf-8") == lie
        assert len(export_tasks(world.gateway.parts.log_files, folder, 1.0)) == 1
        assert export_tasks(world.gateway.parts.log_files, None, 1.0) == ()


# ---------------------------------------------------------------- time stamps


async def stamped(folder: Path, authority: LocalAuthority) -> Path:
    """A node that stamped two of its checkpoints; its settings file."""
    app = web.Application()
    app.router.add_post("/stamp", authority.answer)
    app.router.add_post("/wrong", _html)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session, region(folder) as world:
            gateway, clock, pinned = world.gateway, ManualClock(), load_authority(authority.file)
            asks = {name: HttpStamps(session, f"{url}/{name}", 5, REPLY_BYTES_MAX).ask for name in ("stamp", "wrong", "nothing")}
            given = (gateway.database, gateway.parts.reading, gateway.ledger.note)
            for name in ("wrong", "nothing"):
                with pytest.raises(PeerUnavailableError):
                    await Stamping(*given, asks[name], pinned, clock, SeededIds(), 60).look()
            made = Stamping(*given, asks["stamp"], pinned, clock, SeededIds(), 60)
            first = await made.look()
            await world.send(world.request("CN-31", "CN-32", ("SHC20230090001",), None))
            assert first is not None
            assert await made.look() is None
            clock.advance(seconds=61)
            second = await made.look()
            assert second is not None
            assert second.size > first.size
            clock.advance(seconds=61)
            assert await made.look() is None
            args = (gateway.database, gateway.parts.log_files, clock, SeededIds())
            assert stamp_tasks(*args, None, None, 1.0) == ()
            assert len(stamp_tasks(*args, asks["stamp"], authority.file, 1.0)) == 1
            for bad in (None, folder / "nowhere"):
                with pytest.raises(SettingsError):
                    stamp_tasks(*args, asks["stamp"], bad, 1.0)
            terms = gateway.settings.timestamp.model_copy(update={"url": url, "certificate_file": authority.file})
            return write_config(gateway.settings.model_copy(update={"timestamp": terms}), folder / "gateway.toml")
    finally:
        await runner.cleanup()


def test_stamps_when_an_authority_answers_then_kept_and_verified_and_at_most_one_in_the_term(node: Any, tmp_path: Path) -> None:
    """TL-58, TL-59."""
    config = asyncio.run(stamped(tmp_path / "world", LocalAuthority.make(tmp_path)))
    ran = ceg("log", "timestamps", "--config", config, "--json")
    assert ran.code == 0, ran.err
    second, first = (each["size"] for each in ran.document)
    with closing(sqlite3.connect(tmp_path / "world" / "data" / "gateway.db")) as connection, connection:
        connection.execute(
            "UPDATE log_timestamp SET token = (SELECT token FROM log_timestamp WHERE size = ?) WHERE size = ?", (first, second)
        )
    ran = ceg("log", "timestamps", "--config", config, "--json")
    assert (ran.code, [(each["size"], each["code"]) for each in ran.document]) == (
        6,
        [(second, "transferlog.bad_stamp"), (first, "")],
    )
    assert ceg("log", "timestamps", "--config", config).code == 6
    assert ceg("log", "timestamps", "--config", node.config).code == 2


async def _html(_request: web.Request) -> web.Response:
    return web.Response(text="<html>", content_type="text/html")


# ---------------------------------------------------------------- retention


def test_retention_when_terms_are_over_then_audit_goes_and_cases_are_listed(node: Any) -> None:
    with closing(sqlite3.connect(node.database)) as connection, connection:
        for at in ("2026-01-01", "2026-11-01"):
            connection.execute(
                "INSERT INTO person_act (merge, at, person, roles, member, act, object, outcome, reason, times) "
                "VALUES (?, ?, '', '', '', '', '', '', '', 1)",
                (at, f"{at}T00:00:00.000000Z"),
            )
    early = ceg("retention", "apply", "--dry-run", "--at", "2026-11-22T00:00:00+08:00", "--config", node.config, "--json")
    assert (early.code, early.document["audit_rows"], early.document["cases"]) == (0, 1, []), early.err
    late = ("retention", "apply", "--at", "2029-11-30T00:00:00+08:00", "--config", node.config)
    shown = [(each[0], each[1], each[4]) for each in ceg(*late, "--dry-run", "--json").document["cases"]]
    assert shown == [(node.cases[0], "settled", ""), (node.cases[1], "reviewing", "open")]
    signs = ("--url", "http://127.0.0.1:9", "--member", "CN-33", "--key-file", node.folder / "keys" / "gateway.pem")
    planned = ceg(*late, *signs, "--dry-run", "--json").document
    assert ([each[4] for each in planned["cases"]], planned["orders"]) == (["not_ours", "open"], [])
    assert ceg(*late, *signs[:2], "--dry-run").code == 2, "who signs, and with what, has to be said with where"
    assert (
        ceg("retention", "apply", "--yes", "--at", "2026-11-22T00:00:00+08:00", "--config", node.config, "--json").document["deleted"] == 1
    )
    assert node.cases[0] in ceg(*late, "--dry-run").out
    with closing(sqlite3.connect(node.database)) as connection:
        assert connection.execute("SELECT at FROM person_act").fetchall() == [("2026-11-01T00:00:00.000000Z",)]
    silent = ceg(*late, *signs, "--presiding", "--yes", "--json")
    assert (silent.code, [(each["sent"], each["code"]) for each in silent.document["orders"]]) == (7, [(False, "peer.unavailable")])


@pytest.mark.parametrize("terms", [{"audit_months": 5}, {"records_years": 2}])
def test_retention_when_set_below_the_laws_minimum_then_refused(terms: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        Settings.load(None, retention=terms)


# ---------------------------------------------------------------- archive and restore


@pytest.fixture
def archive(node: Any, tmp_path: Path) -> Path:
    ran = ceg("log", "archive", tmp_path / "archive", "--config", node.config, "--json")
    assert ran.code == 0, ran.err
    return tmp_path / "archive"


def empty_node(node: Any, tmp_path: Path) -> tuple[Path, Path]:
    """Settings of a node with the same keys and no database."""
    settings = Settings.load(node.config)
    settings = settings.model_copy(update={"node": settings.node.model_copy(update={"data_folder": tmp_path / "fresh"})})
    return write_config(settings, tmp_path / "fresh.toml"), tmp_path / "fresh" / "gateway.db"


def test_archive_when_made_twice_then_the_same_bytes_and_never_over_something(node, archive: Path, tmp_path: Path) -> None:
    assert ceg("log", "archive", tmp_path / "again", "--config", node.config).code == 0
    assert files(archive) == files(tmp_path / "again")
    assert ceg("log", "archive", archive, "--config", node.config, "--json").problem["code"] == "cli.file_exists"
    manifest = json.loads((archive / "manifest.json").read_bytes())
    assert {path: (len(data), sha256(data).hexdigest()) for path, data in files(archive).items() if path != "manifest.json"} == {
        path: (length, digest) for path, length, digest in manifest["files"]
    }
    listed = [path for path, *_ in manifest["files"]]
    assert listed == sorted(listed)
    (tmp_path / "a file").touch()
    assert ceg("log", "archive", tmp_path / "a file", "--config", node.config, "--json").problem["code"] == "cli.file_exists"


def test_restore_when_the_database_is_empty_then_the_same_log_and_again_nothing(node, archive: Path, tmp_path: Path) -> None:
    config, database = empty_node(node, tmp_path)
    dry = ceg("log", "restore", archive, "--config", config, "--dry-run", "--json")
    assert (dry.code, dry.document["written"], database.exists()) == (0, 0, False)
    ran = ceg("log", "restore", archive, "--config", config, "--json")
    assert (ran.code, ran.document["written"]) == (0, ran.document["size"]), ran.err
    tables = ("log_entry", "log_key", "log_tile", "log_head")
    with closing(sqlite3.connect(node.database)) as old, closing(sqlite3.connect(database)) as new:
        for table in tables:
            rows = [sorted(each.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for each in (old, new)]
            assert rows[0] == rows[1], table
    assert ceg("log", "restore", archive, "--config", config, "--json").document["written"] == 0
    missing = ceg("log", "rebuild", "--config", config, "--json")
    assert (missing.code, {each["database"] for each in missing.document["differences"]}) == (6, {"(no row)"})


def test_restore_when_the_database_holds_another_log_then_refused(node, archive: Path, tmp_path: Path) -> None:
    config, database = empty_node(node, tmp_path)
    assert ceg("log", "restore", archive, "--config", config).code == 0
    with closing(sqlite3.connect(database)) as connection, connection:
        good = connection.execute("SELECT size, root FROM log_head").fetchone()
    for size, root in ((good[0], bytes(32)), (good[0] + 1, good[1])):
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE log_head SET size = ?, root = ?", (size, root))
        ran = ceg("log", "restore", archive, "--config", config, "--json")
        assert (ran.code, ran.problem["code"]) == (6, "transferlog.not_a_beginning"), size


async def test_restore_when_the_leaves_do_not_come_to_the_verified_root_then_refused(archive: Path, tmp_path: Path) -> None:
    """The folder changed between verification and writing."""
    size = json.loads((archive / "manifest.json").read_bytes())["size"]
    leaves = [raw for _, raw in folder_entries(lambda path: files(archive)[path], size)]
    async with opened(tmp_path / "new.db") as database:
        with pytest.raises(TransferLogError, match=r"transferlog\.not_a_beginning"):
            await restore_log(database, leaves[:-1], size, bytes(32))


def test_restore_when_the_archive_does_not_hold_then_named_and_nothing_is_written(node, archive: Path, tmp_path: Path) -> None:
    """TL-60, TL-61: not with what a dry run would find, nor under another log's key, nor with a bank's signature that does not hold."""
    config, database = empty_node(node, tmp_path)
    good = files(archive)
    manifest, trust = good["manifest.json"].decode(), node.trust.read_text("utf-8")
    told = json.loads(manifest)
    bundle = next(path for path in good if path.startswith("tile/entries/"))
    lines = [line.rstrip(",") for line in manifest.split("\n")[1:-2]]
    changed = good[bundle].replace(b"settled", b"settlex", 1)

    def listing(*listed: str) -> str:
        return manifest.partition("\n")[0] + "\n" + ",\n".join(sorted(listed)) + "\n]}\n"

    def restored(trust_text: str = trust, **changes: bytes | str) -> str:
        for path, data in (good | changes).items():
            (archive / path).write_bytes(data if isinstance(data, bytes) else data.encode())
        other = tmp_path / "trust.json"
        other.write_text(trust_text, "utf-8")
        ran = ceg("log", "restore", archive, "--config", config, "--trust-file", other, "--json")
        assert (ran.code, database.exists()) == (6, False), ran.err
        return ran.document["finding"]["code"] if ran.out else str(ran.problem["code"])

    assert listing(*lines) == manifest
    lies = {
        "shorter list": listing(*lines[:-1]),
        "longer list": listing(*lines, lines[-1].replace("tile/", "tile/9")),
        "outside": listing(*lines[:-1], lines[-1].replace("tile/", "../tile/")),
        "kind": manifest.replace("ceg-log-archive", "ceg-log-archivf"),
        "form": manifest.replace('"v": 1', '"v": 2'),
        "root": manifest.replace(told["root"], "0" * 64),
        "huge": manifest.replace(f'"size": {told["size"]}', f'"size": {10**30}'),
        "negative": manifest.replace(f'"size": {told["size"]}', '"size": -1'),
        "cut off": manifest[:-20],
    }
    for lie, text in lies.items():
        assert text != manifest, lie
        assert restored(**{"manifest.json": text}) == "transferlog.bad_manifest", lie
    length = len(good[bundle])
    assert restored(**{"manifest.json": manifest.replace(f", {length}, ", f", {length + 1}, ")}) == "transferlog.file_changed"
    assert restored(**{bundle: good[bundle][:-1]}) == "transferlog.file_changed"
    fits = manifest.replace(sha256(good[bundle]).hexdigest(), sha256(changed).hexdigest())
    assert restored(**{bundle: changed, "manifest.json": fits}) == "transferlog.leaf_changed"
    stranger = NoteKey(ORIGIN, LOG_SIGNATURE, key_of("stranger").public_raw).vkey
    assert restored(trust.replace(json.loads(trust)["gateway"]["log"]["vkey"], stranger)).startswith("transferlog.")
    document = json.loads(trust)
    for member in document["members"]:
        for key in member["keys"]:
            key["not_before"] = "2026-11-20T01:00:00Z"
    assert restored(json.dumps(document)) == "transferlog.bad_envelope"


def test_archive_when_a_file_is_changed_missing_or_the_manifest_lies_then_named(node, archive: Path) -> None:
    bundle = next(archive.rglob("tile/entries/*.p/*"))
    good, manifest = bundle.read_bytes(), (archive / "manifest.json").read_bytes()

    def code() -> str:
        ran = ceg("log", "restore", archive, "--config", node.config, "--dry-run", "--json")
        assert ran.code == 6
        return ran.document["finding"]["code"] if ran.out else ran.problem["code"]

    changed = good.replace(b"settled", b"settlex", 1)
    bundle.write_bytes(changed)
    assert code() == "transferlog.file_changed"
    fixed = manifest.replace(sha256(good).hexdigest().encode(), sha256(changed).hexdigest().encode())
    (archive / "manifest.json").write_bytes(fixed)
    assert code() == "transferlog.leaf_changed"
    bundle.unlink()
    assert code() == "transferlog.file_missing"
    bundle.write_bytes(good)
    for lie in (manifest.replace(b'"size": ', b'"size": 1'), manifest.replace(b"tile/0", b"../../x"), manifest + b" ", b"{}"):
        (archive / "manifest.json").write_bytes(lie)
        assert code() == "transferlog.bad_manifest"


# ---------------------------------------------------------------- the auditor's own script


def test_script_without_our_code_when_the_log_is_honest_then_holds_else_names_the_leaf(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = auditor()
    kept = tmp_path / "kept"
    kept.write_bytes((archive / "checkpoint").read_bytes())
    assert script.main([str(archive), VKEY, "--since", str(kept)]) == 0
    assert script.main([str(archive), VKEY, "--quorum", "1"]) == 1
    assert script.main([str(archive)]) == 2
    bundle = next(archive.rglob("tile/entries/*.p/*"))
    good = bundle.read_bytes()
    bundle.write_bytes(good.replace(b"settled", b"settlex", 1))
    capsys.readouterr()
    assert script.main([str(archive), VKEY]) == 1
    assert "leaf 15: tile 0/0" in capsys.readouterr().out
    bundle.write_bytes(good[:-1])
    assert script.main([str(archive), VKEY]) == 1
    bundle.write_bytes(good)
    note = (archive / "checkpoint").read_text("utf-8")
    for lie in (note.replace(ORIGIN, "log.other/gateway"), note.replace("\n\n", "\nx\n\n", 1), note[:-8]):
        (archive / "checkpoint").write_text(lie, "utf-8")
        assert script.main([str(archive), VKEY]) == 1
