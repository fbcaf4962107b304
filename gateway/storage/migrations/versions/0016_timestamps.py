"""RFC 3161 time stamps of checkpoints: kept for ever.  Expand only."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE log_timestamp ("
        "size BIGINT PRIMARY KEY, at TEXT NOT NULL, serial TEXT NOT NULL, policy TEXT NOT NULL, asked_at TEXT NOT NULL, token BLOB NOT NULL)"
    )
