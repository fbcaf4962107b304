"""Conflicts between the log and a witness: both heads as evidence, kept for ever.  Expand only."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE log_conflict ("
        "found_at TEXT NOT NULL, member TEXT NOT NULL, kind TEXT NOT NULL, our_size BIGINT NOT NULL, our_note TEXT NOT NULL, "
        "their_size BIGINT NOT NULL, their_note TEXT NOT NULL, resolved_at TEXT NOT NULL, PRIMARY KEY (found_at, member))"
    )
