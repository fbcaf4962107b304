"""Where catalogue commands read from and write to: a folder with a file a table, one JSON document, or what is shipped.

A folder is replaced whole, by renaming, and only if it holds nothing but a catalogue.
"""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from gateway.cli.faults import CliError
from gateway.cli.sources import moment, read_file
from gateway.cli.transfer_words import CHINA
from gateway.model.codes import CodeTables, load_code_tables
from gateway.recognition.catalogue import Catalogue, Table
from gateway.recognition.catalogue_files import FileForm, read_catalogue
from gateway.recognition.catalogue_load import load_shipped
from gateway.system import data_folder

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
FILES_MAX: Final = 32
README: Final = "README.md"
_ENDINGS: Final = frozenset(f".{form.value}" for form in FileForm)
_OURS: Final = re.compile(rf"(?:{'|'.join(table.value for table in Table)})\.(?:csv|xlsx|json)|{re.escape(README)}")


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue and what it is told by."""

    catalogue: Catalogue
    name: str


def standard_codes() -> CodeTables:
    """The code tables of this installation."""
    return load_code_tables(data_folder("standards"))


def open_source(path: Path | None) -> Source:
    """`--catalogue`, else the demonstration catalogue.  Raises CatalogueError, CliError, StandardError."""
    codes = standard_codes()
    if path is None:
        return Source(load_shipped(data_folder("standards"), codes), "demo-1.0")
    return Source(read_catalogue(files_at(path), codes), str(path))


def files_at(path: Path) -> dict[str, bytes]:
    """The files of a folder, or one file, by name.  Raises CliError(`cli.not_found`, `cli.file_form`, …)."""
    if not path.is_dir():
        return {path.name: read_file(path, FILE_BYTES_MAX)}
    found = sorted(each for each in path.iterdir() if each.suffix.lower() in _ENDINGS and each.is_file())
    if not found:
        raise CliError("cli.not_found", "文件夹中没有 csv、xlsx、json 文件", "no csv, xlsx or json file there", folder=str(path))
    if len(found) > FILES_MAX:
        raise CliError("cli.file_form", "文件过多,不是一个目录", "too many files for a catalogue", folder=str(path), most=FILES_MAX)
    return {each.name: read_file(each, FILE_BYTES_MAX) for each in found}


def day_of(at: str) -> date:
    """The day in China at `--at`, or today.  A plain date is taken as it is.  Raises CliError(`cli.usage`)."""
    try:
        return date.fromisoformat(at) if at else moment("").astimezone(CHINA).date()
    except ValueError:
        return moment(at).astimezone(CHINA).date()


def replace(target: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` as the folder `target`, or the only one of them as the file `target`: all of it or nothing.

    Ask `refuse_existing` first: what is there is replaced.
    """
    fresh, old = target.with_name(f".{target.name}.new"), target.with_name(f".{target.name}.old")
    if target.suffix.lower() in _ENDINGS:
        (content,) = files.values()
        _write(fresh, content)
        fresh.replace(target)
        return
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, content in files.items():
        _write(fresh / name, content)
    if target.is_dir():
        if (target / README).is_file():
            shutil.copy2(target / README, fresh / README)
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def refuse_existing(target: Path, *, replace_old: bool) -> None:
    """Whether `replace` may go ahead.

    Raises CliError(`cli.file_exists`) where something is there that may not be replaced or is no catalogue, `cli.not_found`.
    """
    if target.is_dir():
        names = [each.name for each in target.iterdir()]
        if names and not (replace_old and all(_OURS.fullmatch(name) for name in names)):
            raise CliError(
                "cli.file_exists", "文件夹不空:用 --yes 整体替换,且其中只能有目录文件",
                "the folder is not empty: --yes replaces it whole, if it holds nothing but a catalogue", folder=str(target),
            )  # fmt: skip
    elif target.exists() and not replace_old:
        raise CliError("cli.file_exists", "文件已存在,用 --yes 替换", "the file exists; --yes replaces it", file=str(target))
    if not target.absolute().parent.is_dir():
        raise CliError("cli.not_found", "目标目录不存在", "the folder to write into is not there", folder=str(target.parent))


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
