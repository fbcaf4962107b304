"""Handovers between presiding units, and quick counts of what waits for one.  Expand only.

One row a pair of successive turns, kept for good: its document is what both units signed.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE handover ("
        "scope TEXT PRIMARY KEY, outgoing TEXT NOT NULL, incoming TEXT NOT NULL, "
        "ended_since TEXT NOT NULL, ended_until TEXT NOT NULL, begun_since TEXT NOT NULL, begun_until TEXT NOT NULL, "
        "state TEXT NOT NULL, seq BIGINT NOT NULL, log_size BIGINT NOT NULL, log_root TEXT NOT NULL, duties TEXT NOT NULL, "
        "document BLOB NOT NULL, handed_at TEXT NOT NULL, handed_leaf BIGINT NOT NULL, "
        "remarks TEXT NOT NULL, accepted_at TEXT NOT NULL, accepted_leaf BIGINT NOT NULL)"
    )
    op.execute("CREATE INDEX flag_escalated ON flag (scope) WHERE state = 'escalated'")
    op.execute("CREATE INDEX fate_held ON fate (part_id) WHERE held_at <> ''")
    op.execute("CREATE INDEX alert_lasting ON alert (fingerprint) WHERE state <> 'over'")
