"""Integrity flags on outcomes, the consents under which they are read, and where those reads are logged.  Expand only."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE flag ("
        "scope TEXT PRIMARY KEY, nf TEXT NOT NULL, learner TEXT NOT NULL, transfer TEXT NOT NULL, record TEXT NOT NULL, "
        "source TEXT NOT NULL, setter TEXT NOT NULL, kind TEXT NOT NULL, reason TEXT NOT NULL, state TEXT NOT NULL, "
        "seq INTEGER NOT NULL, derived INTEGER NOT NULL, set_at TEXT NOT NULL, changed_at TEXT NOT NULL, due TEXT NOT NULL, "
        "appealed_by TEXT NOT NULL, appeal_reason TEXT NOT NULL, ruled_by TEXT NOT NULL, ruling_reason TEXT NOT NULL, "
        "leaf BIGINT NOT NULL)"
    )
    op.execute("CREATE INDEX flag_by_learner ON flag (learner)")
    op.execute("CREATE INDEX flag_by_setter ON flag (setter, changed_at)")
    op.execute("CREATE TABLE flag_shelf (learner TEXT PRIMARY KEY, scope TEXT NOT NULL, seq INTEGER NOT NULL)")
    op.execute(
        "CREATE TABLE flag_consent ("
        "scope TEXT PRIMARY KEY, controller TEXT NOT NULL, id TEXT NOT NULL, learner TEXT NOT NULL, source TEXT NOT NULL, "
        "records TEXT NOT NULL)"
    )
