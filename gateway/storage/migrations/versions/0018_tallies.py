"""Counts behind the consoles, when each case first got where, who was heard last, and frozen selections.  Expand only."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("delivered_at", "decided_at", "settled_at"):
        op.execute(f"ALTER TABLE transfer ADD COLUMN {column} TEXT NOT NULL DEFAULT ''")
    op.execute(
        "CREATE INDEX transfer_open ON transfer (opened_at) "
        "WHERE state IN ('confirming', 'delivering', 'reviewing', 'supplementing', 'posting', 'disputed', 'held')"
    )
    clustered = " WITHOUT ROWID" if op.get_bind().dialect.name == "sqlite" else ""
    op.execute(
        "CREATE TABLE tally ("
        "measure TEXT NOT NULL, day TEXT NOT NULL, source TEXT NOT NULL, accepting TEXT NOT NULL, name TEXT NOT NULL, "
        "n BIGINT NOT NULL, credits BIGINT NOT NULL, PRIMARY KEY (measure, day, source, accepting, name))" + clustered
    )
    op.execute("CREATE TABLE heard (member TEXT PRIMARY KEY, at TEXT NOT NULL)")
    op.execute(
        "CREATE TABLE selection ("
        "token TEXT PRIMARY KEY, made_by TEXT NOT NULL, made_at TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, "
        "filter TEXT NOT NULL, reason TEXT NOT NULL, rate INTEGER NOT NULL, chosen TEXT NOT NULL, state TEXT NOT NULL, "
        "approved_by TEXT NOT NULL, changed_at TEXT NOT NULL)"
    )
