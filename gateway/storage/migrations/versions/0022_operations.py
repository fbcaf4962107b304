"""What people did, joined to its leaf; views that people saved; the orders in which lists of cases can be read.  Expand only.

`person_act_leaf` stands beside the audit row that it opens: its secret goes when that row goes.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE person_act_leaf (merge TEXT PRIMARY KEY, idx INTEGER NOT NULL UNIQUE, secret BLOB NOT NULL)")
    op.execute("CREATE INDEX transfer_by_opening ON transfer (state, opened_at)")
    op.execute(
        "CREATE TABLE saved_view (person TEXT NOT NULL, name TEXT NOT NULL, query TEXT NOT NULL, at TEXT NOT NULL,"
        " PRIMARY KEY (person, name))"
    )
