"""Filters whose meaning changed: a header that is absent counts as an empty one

Revision ID: r12
Revises: r11
"""

import regex
import sqlalchemy as sa
from alembic import op

revision = 'r12'
down_revision = 'r11'
branch_labels = None
depends_on = None

FILTER = sa.table('postmaster_filter', sa.column('id', sa.BigInteger), sa.column('match', sa.JSON),
                  sa.column('not_match', sa.JSON))
STATE = sa.table('filter_state', sa.column('filter_id', sa.BigInteger), sa.column('to_review', sa.Boolean),
                 sa.column('slow_count', sa.Integer))


def upgrade() -> None:
    op.add_column('filter_state', sa.Column('to_review', sa.Boolean(), server_default=sa.false(), nullable=False))
    connection = op.get_bind()
    there = set(connection.scalars(sa.select(STATE.c.filter_id)))
    for number, match, not_match in connection.execute(sa.select(FILTER)).all():
        if not (not_match or any(map(holds_for_nothing, match or ()))):
            continue
        if number in there:
            connection.execute(sa.update(STATE).where(STATE.c.filter_id == number).values(to_review=True))
        else:
            connection.execute(sa.insert(STATE).values(filter_id=number, slow_count=0, to_review=True))


def holds_for_nothing(condition: str) -> bool:
    """Whether the pattern of a condition is found in an empty text."""
    try:
        return bool(regex.search(str(condition).partition('=')[2].strip(), '', timeout=1))
    except (regex.error, TimeoutError, ValueError, OverflowError, RecursionError, MemoryError):
        return False


def downgrade() -> None:
    op.drop_column('filter_state', 'to_review')
