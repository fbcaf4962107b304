"""Contested outcomes: who claims one, what was ruled, and an outcome as a scope of its own in the log.  Expand only."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE item ADD COLUMN contested INTEGER NOT NULL DEFAULT 0")
    for column in (
        "claims TEXT NOT NULL DEFAULT ''",
        "ruled TEXT NOT NULL DEFAULT ''",
        "last TEXT NOT NULL DEFAULT ''",
        "ver INTEGER NOT NULL DEFAULT 0",
        "seq INTEGER NOT NULL DEFAULT 0",
    ):
        op.execute(f"ALTER TABLE outcome ADD COLUMN {column}")
    op.execute("CREATE INDEX outcome_contested ON outcome (nf) WHERE claims <> ''")
