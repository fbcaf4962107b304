"""Reserved: aggregates for the consoles.  Expand only."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SELECT 1")
