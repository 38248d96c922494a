"""How Alembic reaches the app's database; run by ``flask db …`` and by an embedded database's own upgrade."""

from typing import Any, Literal

from alembic import context

from postmaster import schema
from postmaster.cli.door import ending_command
from postmaster.database import migrating
from postmaster.extensions import UtcDateTime, all_tables, db


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Keep migrations free of our own code, which changes after them."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


steps: list[object] = []

with ending_command(), migrating() as connection:
    context.configure(
        connection=connection,
        target_metadata=all_tables(),
        render_item=render_item,
        on_version_apply=lambda step, **_: steps.append(step),
        compare_type=True,
        render_as_batch=True,
    )
    last_ids = schema.counters(connection)
    with context.begin_transaction():
        context.run_migrations()
    # A command that only looks leaves everything as it is, so that the version of before can still be put back.
    if steps:
        schema.restore_counters(connection, last_ids)
        schema.refuse_dangling(connection, db.engine)
        connection.commit()
