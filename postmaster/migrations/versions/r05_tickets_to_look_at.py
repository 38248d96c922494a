"""Who a ticket is from, whether an article has HTML, and the indexes of the list of tickets.

Revision ID: r05
Revises: r04
"""
import sqlalchemy as sa
from alembic import op

revision = 'r05'
down_revision = 'r04'
branch_labels = None
depends_on = None

INDEXES = (('queue_id', 'id'), ('state', 'id'), ('queue_id', 'state', 'id'), ('sender_address', 'id'))


def upgrade() -> None:
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sender_name', sa.String(length=200), nullable=False, server_default=''))
        batch_op.drop_index('ix_ticket_queue_id')
        for columns in INDEXES:
            batch_op.create_index(f"ix_ticket_{'_'.join(columns)}", list(columns))
    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.add_column(sa.Column('has_html', sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table('article', schema=None) as batch_op:
        batch_op.drop_column('has_html')
    with op.batch_alter_table('ticket', schema=None) as batch_op:
        for columns in INDEXES:
            batch_op.drop_index(f"ix_ticket_{'_'.join(columns)}")
        batch_op.create_index('ix_ticket_queue_id', ['queue_id'])
        batch_op.drop_column('sender_name')
