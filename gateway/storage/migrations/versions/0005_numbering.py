"""Numbers in each lane, periodic state digests, and the differences they found.  Expand only."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE owed ADD COLUMN seq BIGINT NOT NULL DEFAULT 0")
    op.execute("CREATE INDEX owed_by_seq ON owed (lane, seq)")
    op.execute("ALTER TABLE message ADD COLUMN seq BIGINT")
    op.execute("CREATE INDEX message_by_seq ON message (iss, seq) WHERE seq IS NOT NULL")
    op.execute("CREATE TABLE lane (member TEXT PRIMARY KEY, seq BIGINT NOT NULL)")
    op.execute(
        "CREATE TABLE reconciliation ("
        "member TEXT PRIMARY KEY, number BIGINT NOT NULL, scope TEXT NOT NULL, asked_at TEXT NOT NULL, answered_at TEXT NOT NULL, "
        "next_at TEXT NOT NULL, since TEXT NOT NULL, began TEXT NOT NULL, cursor TEXT NOT NULL, "
        "sent_floor BIGINT NOT NULL, sent_again TEXT NOT NULL, received_floor BIGINT NOT NULL, awaited TEXT NOT NULL)"
    )
    op.execute(
        "CREATE TABLE difference ("
        "member TEXT NOT NULL, kind TEXT NOT NULL, transfer TEXT NOT NULL, subject TEXT NOT NULL, "
        "ours TEXT NOT NULL, theirs TEXT NOT NULL, "
        "jti TEXT NOT NULL, repair TEXT NOT NULL, found_at TEXT NOT NULL, seen_at TEXT NOT NULL, closed_at TEXT NOT NULL, "
        "told INTEGER NOT NULL, PRIMARY KEY (member, kind, transfer, subject))"
    )
    op.execute("CREATE INDEX difference_open ON difference (member) WHERE closed_at = ''")
