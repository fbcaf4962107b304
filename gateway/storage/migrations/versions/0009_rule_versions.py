"""Versions of rule sets: what was proposed, approved, published, withdrawn, and the file's own bytes.  Expand only."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE rule_version ("
        "scope TEXT PRIMARY KEY, id TEXT NOT NULL, version TEXT NOT NULL, accepting TEXT NOT NULL, programmes TEXT NOT NULL, "
        "digest TEXT NOT NULL, effective TEXT NOT NULL, review TEXT NOT NULL, proposer TEXT NOT NULL, state TEXT NOT NULL, "
        "approvals TEXT NOT NULL, restores TEXT NOT NULL, simulation TEXT NOT NULL, seq BIGINT NOT NULL, proposed_at TEXT NOT NULL, "
        "changed_at TEXT NOT NULL, published BIGINT NOT NULL, withdrawn TEXT NOT NULL, leaf BIGINT NOT NULL)"
    )
    op.execute("CREATE TABLE rule_file (scope TEXT PRIMARY KEY, document BLOB NOT NULL)")
