"""What was ordered about a part's keeping: legal holds, erasure; and the key that each stored answer is sealed under.  Expand only."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE message ADD COLUMN part_id TEXT NOT NULL DEFAULT ''")
    op.execute(
        "CREATE TABLE fate ("
        "part_id TEXT PRIMARY KEY, seq BIGINT NOT NULL, held_at TEXT NOT NULL, held_by TEXT NOT NULL, held_reason TEXT NOT NULL, "
        "held_until TEXT NOT NULL, erased_at TEXT NOT NULL, erased_by TEXT NOT NULL, erased_reason TEXT NOT NULL, leaf BIGINT NOT NULL)"
    )
    op.execute("CREATE INDEX consent_by_transfer ON consent (transfer) WHERE transfer <> ''")
