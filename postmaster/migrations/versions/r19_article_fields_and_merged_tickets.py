"""Numbers of queues, dynamic fields of articles, merged tickets

Revision ID: r19
Revises: r18
"""

import sqlalchemy as sa
from alembic import op

revision = 'r19'
down_revision = 'r18'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('queue', sa.Column('number', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True))
    op.create_index('ix_queue_number', 'queue', ['number'], unique=True)
    op.add_column('article', sa.Column('dynamic_fields', sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        'ticket_merge',
        sa.Column('ticket_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
        sa.Column('into_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
        sa.ForeignKeyConstraint(['ticket_id'], ['ticket.id'], name='fk_ticket_merge_ticket_id_ticket', ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['into_id'], ['ticket.id'], name='fk_ticket_merge_into_id_ticket', ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('ticket_id', name='pk_ticket_merge'),
    )
    op.create_index('ix_ticket_merge_into_id', 'ticket_merge', ['into_id'])


def downgrade() -> None:
    op.drop_table('ticket_merge')
    op.drop_column('article', 'dynamic_fields')
    op.drop_index('ix_queue_number', 'queue')
    op.drop_column('queue', 'number')
