"""Dead letters: since when an owed message is first in its line, and since when it is past the horizon.  Expand only."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE owed ADD COLUMN first_at TEXT NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE owed ADD COLUMN dead_since TEXT NOT NULL DEFAULT ''")
    op.execute("CREATE INDEX owed_dead ON owed (lane, dead_since) WHERE dead_since <> ''")
