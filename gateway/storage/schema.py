"""Bring a database to this program's schema, or refuse it.

Alembic (and its SQLAlchemy) is imported by migrations only; a database already at the newest
revision is recognised by plain SQL, so that starting is quick.
"""

import sqlite3
from contextlib import closing
from importlib import import_module
from pathlib import Path

from gateway.errors import StorageError

REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
    "0016",
    "0017",
    "0018",
    "0019",
    "0020",
    "0021",
    "0022",
    "0023",
)
"""Oldest first.  A database at a revision not in this list was written by a newer program."""


def current_revision(path: Path) -> str | None:
    """The revision a database file stands at; None for a new or empty one."""
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as connection:
        has = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if has else None
    return str(row[0]) if row else None


def upgrade(path: Path) -> None:
    """Migrate to the newest revision.  Raises StorageError("storage.schema_too_new")."""
    found = current_revision(path)
    if found == REVISIONS[-1]:
        return
    if found is not None and found not in REVISIONS:
        raise StorageError("storage.schema_too_new", "数据库版本比程序新", "the database was written by a newer program", revision=found)
    path.parent.mkdir(parents=True, exist_ok=True)
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")
    import_module("alembic.command").upgrade(config, "head")
