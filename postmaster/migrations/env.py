"""How Alembic reaches the app's database; run by ``flask db …`` and by an embedded database's own upgrade."""

from typing import Any, Literal

from alembic import context
from flask import current_app

from postmaster.database import migrating
from postmaster.extensions import UtcDateTime, db


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Keep migrations free of our own code, which changes after them."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


with migrating() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=render_item,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
