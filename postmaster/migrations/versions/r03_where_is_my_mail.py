"""Where is my mail: what a message says of itself in the ledger, and the terms that it is found by

Revision ID: r03
Revises: r02
"""

import sqlalchemy as sa
from alembic import op

revision = 'r03'
down_revision = 'r02'
branch_labels = None
depends_on = None

COLUMNS = ('label', 'sender', 'sender_name', 'subject', 'message_id')


def upgrade() -> None:
    op.create_table('mail_term',
    sa.Column('term', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('mail_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('term', 'mail_id', name=op.f('pk_mail_term')),
    sqlite_with_rowid=False
    )
    for name in COLUMNS:
        op.add_column('inbound_mail', sa.Column(name, sa.String(), nullable=False, server_default=''))
    op.add_column('inbound_mail', sa.Column('recipients', sa.JSON(), nullable=False, server_default='[]'))
    op.create_index(op.f('ix_inbound_mail_recorded_at'), 'inbound_mail', ['recorded_at'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_inbound_mail_recorded_at'), table_name='inbound_mail')
    with op.batch_alter_table('inbound_mail', schema=None) as batch_op:
        for name in (*COLUMNS, 'recipients'):
            batch_op.drop_column(name)
    op.drop_table('mail_term')
