"""Papers that name several cases: the stretch about each lies under that case's key.  Expand only.

`content.lines` is how many stretches were cut out; `statement.torn` that a case was erased before both banks had the document.
A registered consent has its scope beside it, by which an order about it finds it.
"""

from alembic import op
from sqlalchemy import text

from gateway.model.scopes import consent_scope

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE content ADD COLUMN lines INTEGER NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE statement ADD COLUMN torn INTEGER NOT NULL DEFAULT 0")
    op.execute(
        "CREATE TABLE content_line ("
        "iss TEXT NOT NULL, jti TEXT NOT NULL, name TEXT NOT NULL, line INTEGER NOT NULL, part_id TEXT NOT NULL, text TEXT NOT NULL, "
        "PRIMARY KEY (iss, jti, name, line))"
    )
    op.execute("CREATE INDEX content_line_by_part ON content_line (part_id)")
    op.execute("ALTER TABLE consent ADD COLUMN scope TEXT NOT NULL DEFAULT ''")
    kept = op.get_bind()
    for controller, number in kept.execute(text("SELECT controller, id FROM consent WHERE digest <> ''")).all():
        named = {"scope": consent_scope(controller, number), "controller": controller, "id": number}
        kept.execute(text("UPDATE consent SET scope = :scope WHERE controller = :controller AND id = :id"), named)
    op.execute("CREATE INDEX consent_by_scope ON consent (scope) WHERE scope <> ''")
    op.execute("CREATE INDEX content_by_part ON content (part_id)")
