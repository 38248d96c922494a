"""Mail is known by its bytes wherever it came from, and what servers withhold is kept in mind

Revision ID: r11
Revises: r10
"""

import sqlalchemy as sa
from alembic import op

revision = 'r11'
down_revision = 'r10'
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.drop_index('ix_inbound_mail_pipe_sha256', table_name='inbound_mail')
    op.create_index(op.f('ix_inbound_mail_sha256'), 'inbound_mail', ['sha256'], unique=False)
    op.create_table('withheld_mail',
    sa.Column('account_id', BIG, nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('sentence', sa.String(length=1000), nullable=False),
    sa.Column('runs', sa.Integer(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['mail_account.id'],
                            name=op.f('fk_withheld_mail_account_id_mail_account'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('account_id', 'name', name=op.f('pk_withheld_mail'))
    )


def downgrade() -> None:
    op.drop_table('withheld_mail')
    op.drop_index(op.f('ix_inbound_mail_sha256'), table_name='inbound_mail')
    op.create_index('ix_inbound_mail_pipe_sha256', 'inbound_mail', ['sha256'], unique=False,
                    sqlite_where=sa.text('mailbox_id IS NULL'), postgresql_where=sa.text('mailbox_id IS NULL'))
