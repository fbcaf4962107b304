"""Nothing yet: the number is kept for region_tallies.  Expand only."""

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
