"""Events for other programs

Revision ID: r22
Revises: r21
"""

import sqlalchemy as sa
from alembic import op

revision = 'r22'
down_revision = 'r21'
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    op.create_table(
        'event',
        sa.Column('id', number, nullable=False),
        sa.Column('key', sa.String(length=32), nullable=False),
        sa.Column('type', sa.String(length=40), nullable=False),
        sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
        sa.Column('ticket_id', number, nullable=True),
        sa.Column('article_id', number, nullable=True),
        sa.Column('inbound_id', number, nullable=True),
        sa.Column('account_id', number, nullable=True),
        sa.Column('queue_id', number, nullable=True),
        sa.Column('data', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_event'),
        sqlite_autoincrement=True,
    )
    op.create_index('ix_event_created_at', 'event', ['created_at'])


def downgrade() -> None:
    op.drop_table('event')
