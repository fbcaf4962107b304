"""Nothing yet: the number is kept for erasure_reach.  Expand only."""

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
