"""Alarms kept as rows, what was sent of them, and people's notes on dead letters.  Expand only.

An alarm is one row a fingerprint, counted up while it lasts; its history is what people did about it (`person_act`).
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE alert (fingerprint TEXT PRIMARY KEY, event TEXT NOT NULL, member TEXT NOT NULL, level TEXT NOT NULL,"
        " first_at TEXT NOT NULL, last_at TEXT NOT NULL, times INTEGER NOT NULL, n INTEGER NOT NULL, state TEXT NOT NULL,"
        " told_at TEXT NOT NULL, acked_by TEXT NOT NULL, acked_at TEXT NOT NULL, silenced_by TEXT NOT NULL,"
        " silenced_until TEXT NOT NULL, reason TEXT NOT NULL)"
    )
    op.execute(
        "CREATE TABLE alert_sent (n INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, target TEXT NOT NULL, outcome TEXT NOT NULL)"
    )
    op.execute("CREATE INDEX alert_sent_at ON alert_sent (target, at)")
    op.execute(
        "CREATE TABLE letter_note (n INTEGER PRIMARY KEY AUTOINCREMENT, jti TEXT NOT NULL, at TEXT NOT NULL, person TEXT NOT NULL,"
        " text TEXT NOT NULL)"
    )
    op.execute("CREATE INDEX letter_note_jti ON letter_note (jti)")
