"""What the gateway proposed with the case that was delivered last.  Expand only."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE proposal (transfer TEXT PRIMARY KEY, sd TEXT NOT NULL, items TEXT NOT NULL)")
