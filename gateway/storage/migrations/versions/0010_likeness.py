"""What an item is compared by when likely twins are looked for, as keyed digests; "" for those read before.  Expand only."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE item ADD COLUMN alike TEXT NOT NULL DEFAULT ''")
