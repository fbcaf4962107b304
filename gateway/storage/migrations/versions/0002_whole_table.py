"""What the whole act table needs of a transfer: held, paused, amended, disputed.  Expand only."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        "held_from TEXT NOT NULL DEFAULT ''",
        "asks INTEGER NOT NULL DEFAULT 0",
        "amends INTEGER NOT NULL DEFAULT 0",
        "days_left INTEGER NOT NULL DEFAULT 0",
        "disputed_from TEXT NOT NULL DEFAULT ''",
        "stage TEXT NOT NULL DEFAULT ''",
        "unresolved INTEGER NOT NULL DEFAULT 0",
        "warned INTEGER NOT NULL DEFAULT 0",
        "due_days INTEGER NOT NULL DEFAULT 0",
        "due_since TEXT NOT NULL DEFAULT ''",
    ):
        op.execute(f"ALTER TABLE transfer ADD COLUMN {column}")
    op.execute("CREATE INDEX transfer_by_deadline ON transfer (deadline) WHERE deadline IS NOT NULL")
