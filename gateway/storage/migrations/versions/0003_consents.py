"""Consents as scopes of their own, and enquiries.  Expand only."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE transfer ADD COLUMN consent_withdrawn TEXT NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE consent ADD COLUMN seq INTEGER NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE consent ADD COLUMN digest TEXT NOT NULL DEFAULT ''")
    op.execute(
        "CREATE TABLE enquiry ("
        "id TEXT PRIMARY KEY, iss TEXT NOT NULL, jti TEXT NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL, seq INTEGER NOT NULL, "
        "opened_at TEXT NOT NULL, changed_at TEXT NOT NULL, deadline TEXT, provisional INTEGER NOT NULL, due_days INTEGER NOT NULL, "
        "due_since TEXT NOT NULL, warned INTEGER NOT NULL, "
        "consent_id TEXT NOT NULL, consent_until TEXT NOT NULL, learner TEXT NOT NULL, "
        "records INTEGER NOT NULL, as_of TEXT NOT NULL, leaf BIGINT NOT NULL)"
    )
    op.execute("CREATE INDEX enquiry_by_deadline ON enquiry (deadline) WHERE deadline IS NOT NULL")
