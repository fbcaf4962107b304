"""Agreements as rows: terms in force, terms proposed, who suspended; and a learner's cases by direction, for caps.  Expand only."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE agreement ("
        "scope TEXT PRIMARY KEY, id TEXT NOT NULL, source TEXT NOT NULL, accepting TEXT NOT NULL, state TEXT NOT NULL, "
        "seq BIGINT NOT NULL, versions INTEGER NOT NULL, version INTEGER NOT NULL, terms TEXT NOT NULL, document BLOB NOT NULL, "
        "proposed_by TEXT NOT NULL, proposed_terms TEXT NOT NULL, proposed_document BLOB NOT NULL, suspended_by TEXT NOT NULL, "
        "changed_at TEXT NOT NULL, leaf BIGINT NOT NULL)"
    )
    op.execute("CREATE INDEX transfer_by_learner ON transfer (learner, source, accepting)")
