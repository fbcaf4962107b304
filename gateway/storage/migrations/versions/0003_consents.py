"""Consents as scopes of their own, and enquiries.  Expand only."""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
