"""What a learner sees of himself is found by his pseudonym: cases, newest first, and questions what records he has.  Expand only."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX transfer_of_learner ON transfer (learner, opened_at, id)")
    op.execute("CREATE INDEX enquiry_by_learner ON enquiry (learner)")
