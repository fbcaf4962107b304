"""Statements per ordered pair and month, and the points of an item.  Expand only."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE statement ("
        "id TEXT PRIMARY KEY, source TEXT NOT NULL, accepting TEXT NOT NULL, period TEXT NOT NULL, revision INTEGER NOT NULL, "
        "state TEXT NOT NULL, seq BIGINT NOT NULL, size BIGINT NOT NULL, issued_at TEXT NOT NULL, changed_at TEXT NOT NULL, "
        "leaf BIGINT NOT NULL, jti TEXT NOT NULL, sd TEXT NOT NULL, figures TEXT NOT NULL, "
        "signed_source TEXT NOT NULL, signed_accepting TEXT NOT NULL, disputed TEXT NOT NULL)"
    )
    op.execute("ALTER TABLE item ADD COLUMN points TEXT")
