"""The institution that issued an item, sealed under its part's key.  Expand only."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE item ADD COLUMN issuer TEXT NOT NULL DEFAULT 'unknown'")
