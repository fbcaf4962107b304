"""People who sign in: their sessions, what they did and were refused, failed sign-ins.  Expand only.

A session is found by the SHA-256 of the cookie's value, so that whoever reads this table cannot enter with it.
`person_act.merge` is unique: a refusal that repeats within its minute is one row with a count.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE TABLE person_session (id TEXT PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, roles TEXT NOT NULL,"
        " member TEXT NOT NULL, created_at TEXT NOT NULL, seen_at TEXT NOT NULL, expires_at TEXT NOT NULL)"
    )
    op.execute("CREATE INDEX person_session_expiry ON person_session (expires_at)")
    op.execute(
        "CREATE TABLE person_act (n INTEGER PRIMARY KEY AUTOINCREMENT, merge TEXT NOT NULL UNIQUE, at TEXT NOT NULL, person TEXT NOT NULL,"
        " roles TEXT NOT NULL, member TEXT NOT NULL, act TEXT NOT NULL, object TEXT NOT NULL, outcome TEXT NOT NULL,"
        " reason TEXT NOT NULL, times INTEGER NOT NULL)"
    )
    op.execute("CREATE INDEX person_act_at ON person_act (at)")
    op.execute("CREATE INDEX person_act_person ON person_act (person, n)")
    op.execute(
        "CREATE TABLE sign_in_failure (who TEXT PRIMARY KEY, failures INTEGER NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL)"
    )
