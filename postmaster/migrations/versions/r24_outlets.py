"""Outlets, and what is on its way to them

Revision ID: r24
Revises: r23
"""

import sqlalchemy as sa
from alembic import op

revision = 'r24'
down_revision = 'r23'
branch_labels = None
depends_on = None

OPEN = sa.text("state <> 'delivered'")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    moment = sa.DateTime(timezone=True)
    op.create_table(
        'outlet',
        sa.Column('id', number, nullable=False),
        sa.Column('name', sa.String(length=200), nullable=False),
        sa.Column('kind', sa.String(length=40), nullable=False),
        sa.Column('url', sa.String(length=2000), nullable=False),
        sa.Column('sealed_secret', sa.String(), nullable=False),
        sa.Column('sealed_headers', sa.String(), nullable=False),
        sa.Column('events', sa.JSON(), nullable=False),
        sa.Column('raw_message', sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column('validity', sa.String(length=40), nullable=False),
        sa.Column('comment', sa.String(), nullable=False),
        sa.Column('changed_at', moment, nullable=False),
        sa.Column('revision', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('id', name='pk_outlet'),
        sa.UniqueConstraint('name', name='uq_outlet_name'),
        sqlite_autoincrement=True,
    )
    op.create_table(
        'outlet_queue',
        sa.Column('outlet_id', number, nullable=False),
        sa.Column('queue_id', number, nullable=False),
        sa.ForeignKeyConstraint(['outlet_id'], ['outlet.id'], name='fk_outlet_queue_outlet_id_outlet', ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['queue_id'], ['queue.id'], name='fk_outlet_queue_queue_id_queue'),
        sa.PrimaryKeyConstraint('outlet_id', 'queue_id', name='pk_outlet_queue'),
    )
    op.create_index('ix_outlet_queue_queue_id', 'outlet_queue', ['queue_id'])
    op.create_table(
        'outlet_state',
        sa.Column('outlet_id', number, autoincrement=False, nullable=False),
        sa.Column('cursor', number, nullable=False),
        sa.Column('paused_at', moment, nullable=True),
        sa.Column('paused_by', sa.String(length=200), nullable=True),
        sa.Column('paused_reason', sa.String(length=500), nullable=True),
        sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
        sa.Column('failed_id', number, nullable=True),
        sa.Column('failing_since', moment, nullable=True),
        sa.Column('next_at', moment, nullable=True),
        sa.Column('last_at', moment, nullable=True),
        sa.Column('last_status', sa.Integer(), nullable=True),
        sa.Column('last_answer', sa.String(), server_default='', nullable=False),
        sa.Column('last_success_at', moment, nullable=True),
        sa.ForeignKeyConstraint(['outlet_id'], ['outlet.id'], name='fk_outlet_state_outlet_id_outlet', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('outlet_id', name='pk_outlet_state'),
    )
    op.create_table(
        'delivery',
        sa.Column('id', number, nullable=False),
        sa.Column('outlet_id', number, nullable=False),
        sa.Column('event_id', number, nullable=False),
        sa.Column('event_key', sa.String(length=32), nullable=False),
        sa.Column('event_type', sa.String(length=40), nullable=False),
        sa.Column('event_at', moment, nullable=False),
        sa.Column('ticket_id', number, nullable=True),
        sa.Column('order_key', sa.String(length=30), nullable=False),
        sa.Column('state', sa.String(length=40), nullable=False),
        sa.Column('attempts', sa.Integer(), nullable=False),
        sa.Column('next_at', moment, nullable=False),
        sa.Column('lease', sa.String(length=300), nullable=True),
        sa.Column('lease_until', moment, nullable=True),
        sa.Column('tried_at', moment, nullable=True),
        sa.Column('status', sa.Integer(), nullable=True),
        sa.Column('answer', sa.String(), nullable=False),
        sa.Column('seconds', sa.Double(), nullable=True),
        sa.Column('delivered_at', moment, nullable=True),
        sa.Column('remote_number', sa.String(length=200), nullable=True),
        sa.Column('remote_url', sa.String(length=1000), nullable=True),
        sa.ForeignKeyConstraint(['outlet_id'], ['outlet.id'], name='fk_delivery_outlet_id_outlet', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name='pk_delivery'),
        sqlite_autoincrement=True,
    )
    op.create_index('uq_delivery_outlet_id_event_id', 'delivery', ['outlet_id', 'event_id'], unique=True)
    op.create_index(
        'ix_delivery_open',
        'delivery',
        ['outlet_id', 'order_key', 'event_id'],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index('ix_delivery_delivered_at', 'delivery', ['delivered_at'])
    op.create_index('ix_delivery_ticket_id', 'delivery', ['ticket_id'])


def downgrade() -> None:
    op.drop_table('delivery')
    op.drop_table('outlet_state')
    op.drop_table('outlet_queue')
    op.drop_table('outlet')
